// Tells the window that opened the dialog what was decided, as Meta's dialog does, and closes.
const { origin, told, code } = document.body.dataset;
if (window.opener) {
  window.opener.postMessage(told, origin);
  window.opener.postMessage({ type: "SANDBOX_LOGIN", code: code || null }, origin);
  window.close();
}
