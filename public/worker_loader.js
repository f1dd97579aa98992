// Starts the worker's program. The build id in this file's own address is passed on to the files that it loads, so that
// none of them comes from a cache of another build. A worker of this name is given the program, compiled, as its first message.
const build = self.location.search;
const program =
  self.name === "given"
    ? new Promise((resolve) => self.addEventListener("message", ({ data }) => resolve(data), { once: true }))
    : `worker_bg.wasm${build}`;
importScripts(`worker.js${build}`);
wasm_bindgen({ module_or_path: program }).catch((error) => {
  // Thrown outside of the promise it reaches the page as the worker's error event.
  setTimeout(() => {
    throw error;
  });
});
