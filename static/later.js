/**
 * Loads the modules that showing and writing in a conversation do not need, so that app.js need not wait for them.
 * Elements that are in the page already start to work when their module defines them.
 */

import "./late-styles.js";
import "./components/access-page.js";
import "./components/account-bar.js";
import "./components/connection-line.js";
import "./components/conversation-menu.js";
import "./components/emoji-picker.js"; // imported by <message-composer>
import "./components/failed-sign-in.js";
import "./components/gone.js"; // imported by <conversation-view>
import "./components/group-details.js";
import "./components/jump-button.js";
import "./components/message-acts.js"; // imported by <message-list>
import "./components/new-conversation.js";
import "./components/new-group.js";
import "./components/notification-bell.js";
import "./components/notification-offer.js"; // imported by notifications.js
import "./components/read-marker.js"; // imported by <conversation-view>
import "./components/refusal-line.js";
import "./components/release-offer.js";
import "./components/sessions-view.js";
import "./components/settings-view.js";
import "./components/typing-line.js";
import "./components/unsent-texts.js";
import "./lib/text.js"; // imported for messages with links
import "./dropped.js";
import "./notifications.js"; // app.js imports this and the next two when it knows the position
import "./last-seen.js";
import "./traces.js";
import "./offline.js";
import "./polling.js";
import "./shared-stream.js";
import "./unread.js";
import "./viewport.js";
