/** <failed-sign-in></failed-sign-in>: why a sign-in at another site failed, for a user who is signed in already. */

import "../late-styles.js";
import { el } from "../lib/dom.js";
import { failure } from "../lib/sign-in-failure.js";
import { Component } from "./context.js";
import { nothingHere, notice } from "./notice.js";
import { words } from "../words.js";

class FailedSignIn extends Component {
  connected() {
    const sentence = failure(location);
    const wayOn = el("a", { href: "/" }, words.toConversations);
    this.replaceChildren(sentence === null ? nothingHere() : notice(words.signIn.failed, sentence, wayOn));
  }
}

customElements.define("failed-sign-in", FailedSignIn);
