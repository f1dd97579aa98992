// Starts the worker's program. The build id in this file's own address is passed on to the files that it loads, so that
// none of them comes from a cache of another build. A worker of this name (GIVEN in src/web.rs) is given the program, compiled,
// as its first message; if that does not arrive whole, it fetches it like any other.
const build = self.location.search;
const address = `worker_bg.wasm${build}`;
const program =
  self.name === "given"
    ? new Promise((resolve) => {
        self.addEventListener("message", ({ data }) => resolve(data), { once: true });
        self.addEventListener("messageerror", () => resolve(fetch(address)), { once: true });
      })
    : address;
importScripts(`worker.js${build}`);
wasm_bindgen({ module_or_path: program }).catch((error) => {
  // Thrown outside of the promise it reaches the page as the worker's error event.
  setTimeout(() => {
    throw error;
  });
});
