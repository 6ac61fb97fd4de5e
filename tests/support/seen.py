"""What a page keeps of what it has shown."""

SEEN = """indexedDB.databases().then((all) =>
    all.map(({ name }) => name).filter((name) => name.startsWith("messenger.seen.")))"""
