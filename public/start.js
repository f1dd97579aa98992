// Starts the page's program. Trunk would write this into the page itself, where the Content-Security-Policy forbids it.
const { js, wasm } = document.getElementById("start").dataset;
const address = (path) => new URL(path, document.baseURI);

try {
  const { default: init } = await import(address(js));
  await init({ module_or_path: address(wasm) });
} catch (error) {
  const state = document.getElementById("start-state");
  if (state) {
    state.setAttribute("role", "alert");
    state.textContent = `Oddflow could not start (${error}). Reload the page; if that does not help, update the browser.`;
  }
  throw error;
}
