// The part of Meta's JavaScript SDK that Embedded Signup uses. It is a classic script, as the real one is.
(() => {
  const source = new URL(document.currentScript.src);
  let app = null;
  let waiting = null;

  addEventListener("message", (event) => {
    if (event.origin !== source.origin || event.data?.type !== "SANDBOX_LOGIN" || !waiting) return;
    const { callback, timer } = waiting;
    clearInterval(timer);
    waiting = null;
    const { code } = event.data;
    callback(code ? { status: "connected", authResponse: { code, userID: null, accessToken: null } } : { status: "unknown", authResponse: null });
  });

  window.FB = {
    init({ appId, version }) {
      if (!/^v\d+\.\d+$/.test(version ?? "")) throw new Error("init not called with valid version");
      app = appId;
    },
    login(callback, options = {}) {
      if (!app) throw new Error("FB.login() called before FB.init().");
      const asked = new URLSearchParams({
        client_id: app,
        config_id: options.config_id ?? "",
        response_type: options.override_default_response_type ? options.response_type ?? "" : "token",
        origin: location.origin,
      });
      const popup = window.open(`${source.origin}/sandbox/meta/dialog?${asked}`, "fb-login", "popup,width=560,height=720");
      const timer = setInterval(() => {
        if (popup && !popup.closed) return;
        clearInterval(timer);
        if (waiting?.timer !== timer) return;
        waiting = null;
        callback({ status: "unknown", authResponse: null });
      }, 300);
      waiting = { callback, timer };
    },
    getLoginStatus(callback) { callback({ status: "unknown", authResponse: null }); },
  };
  window.fbAsyncInit?.();
})();
