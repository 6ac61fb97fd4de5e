/**
 * What a conversation can be seen and written in without: a script of its own, so that the first one to run does not wait for it.
 * Elements that stand in the page already begin to work when they are defined here.
 */

import "./components/access-page.js";
import "./components/account-bar.js";
import "./components/connection-line.js";
import "./components/emoji-picker.js"; // which <message-composer> asks for
import "./components/jump-button.js";
import "./components/new-conversation.js";
import "./components/notification-bell.js";
import "./components/notification-offer.js"; // which notifications.js asks for
import "./components/read-marker.js"; // which <conversation-view> asks for
import "./components/release-offer.js";
import "./components/sessions-view.js";
import "./components/settings-view.js";
import "./lib/text.js"; // which messages with links ask for
import "./dropped.js";
import "./notifications.js"; // which app.js asks for, as the next but one, when it knows where to go on from
import "./last-seen.js";
import "./traces.js";
import "./offline.js";
import "./polling.js";
import "./shared-stream.js";
import "./unread.js";
import "./viewport.js";
