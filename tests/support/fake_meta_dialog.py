"""The fake Meta's script for pages, and its dialog: what they say to the page that opened them, and to nobody else's origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from tests.support.fake_meta import FakeMeta

_SCRIPT = """
(() => {
  const origin = new URL(document.currentScript.src).origin;
  let app = null;
  window.FB = {
    init(options) { app = options; },
    login(callback, options) {
      const query = new URLSearchParams({
        app: app.appId, config: options.config_id, type: options.response_type, extras: JSON.stringify(options.extras),
        override: String(options.override_default_response_type), back: location.origin,
      });
      const opened = window.open(`${origin}/dialog?${query}`, "meta", "width=620,height=720");
      const hear = (event) => {
        if (event.origin !== origin || event.source !== opened || !event.data?.login) return;
        removeEventListener("message", hear);
        callback(event.data.login);
      };
      addEventListener("message", hear);
    },
  };
  window.fbAsyncInit?.();
})();
"""
_DIALOG = """<!doctype html><title>Meta</title><h1>Connect your account</h1>
<button id="approve">Finish</button> <button id="cancel">Cancel</button>
<script>
const back = new URLSearchParams(location.search).get("back");
const say = (event, data) =>
  opener.postMessage(JSON.stringify({ type: "WA_EMBEDDED_SIGNUP", event, data, version: "4" }), back);
document.getElementById("approve").onclick = async () => {
  const given = await (await fetch("/dialog/approve", { method: "POST" })).json();
  say("FINISH", given.data);
  opener.postMessage({ login: { status: "connected", authResponse: { code: given.code } } }, back);
  close();
};
document.getElementById("cancel").onclick = () => {
  say("CANCEL", { current_step: "PHONE_NUMBER_SETUP" });
  opener.postMessage({ login: { status: "unknown", authResponse: null } }, back);
  close();
};
</script>"""


def routes(meta: FakeMeta) -> list[web.RouteDef]:
    """Return the script's and the dialog's pages. What is approved is `meta.signup.offered`."""

    async def script(_request: web.Request) -> web.Response:
        return web.Response(text=_SCRIPT, content_type="text/javascript")

    async def dialog(request: web.Request) -> web.Response:
        meta.signup.opened.append(dict(request.query))
        return web.Response(text=_DIALOG, content_type="text/html")

    async def approve(_request: web.Request) -> web.Response:
        waba = meta.signup.wabas[meta.signup.offered or ""]
        data = {"waba_id": waba.id, "phone_number_id": waba.numbers[0], "business_id": waba.business_id}
        return web.json_response({"code": meta.signup.approve(waba.id, expires_in=5_184_000), "data": data})

    return [web.get("/sdk.js", script), web.get("/dialog", dialog), web.post("/dialog/approve", approve)]
