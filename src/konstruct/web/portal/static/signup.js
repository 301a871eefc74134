// Connect WhatsApp: loads the provider's script, opens its dialog, and posts what that gives. The code holds for half a minute,
// so it goes as soon as it is here; the ids may come a moment earlier or later, and are asked for at the provider anyway.
const WAIT_FOR_IDS_MS = 2000;
const RENEW_STATE_MS = 4 * 60 * 1000;

const box = document.getElementById("signup");
const button = document.getElementById("signup-open");
const told = document.getElementById("signup-told");
const form = document.getElementById("signup-form");
const origins = box.dataset.origins.split(" ");
let ids = null;
let code = null;
let sent = false;

function say(text, bad = false) {
  told.textContent = text;
  told.classList.toggle("bad", bad);
}

function ready(text) {
  button.disabled = false;
  say(text);
}

function send() {
  if (sent) return;
  sent = true;
  form.elements.code.value = code;
  for (const name of ["waba_id", "phone_number_id", "business_id"]) {
    const value = ids?.[name];
    form.elements[name].value = typeof value === "string" || typeof value === "number" ? String(value) : "";
  }
  say("Connecting: this takes a few seconds…");
  form.requestSubmit();
}

function settle() {
  if (!code || sent) return;
  if (ids) send();
  else setTimeout(send, WAIT_FOR_IDS_MS);
}

// What the dialog says of its course. Anybody may post a message to a page: only the dialog's own origin is believed.
addEventListener("message", (event) => {
  if (!origins.includes(event.origin)) return;
  let said = event.data;
  if (typeof said === "string") {
    try {
      said = JSON.parse(said);
    } catch {
      return;
    }
  }
  if (said?.type !== "WA_EMBEDDED_SIGNUP" || typeof said.event !== "string") return;
  if (said.event.startsWith("FINISH")) {
    ids = said.data ?? {};
    settle();
  } else if (said.event === "CANCEL" && !said.data?.error_message) {
    ready("You closed Meta's window before the end. You can begin again at any time.");
  } else if (said.event === "CANCEL" || said.event === "ERROR") {
    button.disabled = false;
    say("Meta could not finish it. What you entered there is kept: please begin again.", true);
  }
});

function answered(response) {
  const given = response?.authResponse?.code;
  if (typeof given !== "string" || !given) {
    if (!sent) ready("Meta's window was closed without an approval. You can begin again at any time.");
    return;
  }
  code = given;
  say("Meta has approved it…");
  settle();
}

button.addEventListener("click", () => {
  ids = null;
  code = null;
  button.disabled = true;
  say("Meta's window is open. If you do not see it, allow pop-ups for this page.");
  try {
    window.FB.login(answered, {
      config_id: box.dataset.config,
      response_type: "code",
      override_default_response_type: true,
      extras: { version: "v4" },
    });
  } catch {
    button.disabled = false;
    say("Meta's window could not be opened. Please load this page again.", true);
  }
});

window.fbAsyncInit = () => {
  window.FB.init({ appId: box.dataset.app, version: box.dataset.version, xfbml: false, cookie: false });
  ready("Meta's window opens beside this page.");
};

// A page that stays open longer than its state holds asks for another one.
setInterval(async () => {
  if (sent) return;
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("signup-state");
    if (answer.ok && fresh && !sent) form.elements.state.value = fresh.value;
  } catch {
    // The next round tries again, and an old state is told as such.
  }
}, RENEW_STATE_MS);

const script = document.createElement("script");
script.src = box.dataset.script;
script.async = true;
script.nonce = box.dataset.nonce;
script.addEventListener("error", () => {
  say("Meta's script could not be loaded. A blocker of ads may keep it away: allow it for this page, and load it again.", true);
});
document.head.append(script);
