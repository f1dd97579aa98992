// Starts the worker's program. The build id in this file's own address is passed on to the files that it loads, so that
// none of them comes from a cache of another build.
const build = self.location.search;
importScripts(`worker.js${build}`);
wasm_bindgen({ module_or_path: `worker_bg.wasm${build}` }).catch((error) => {
  // Thrown outside of the promise it reaches the page as the worker's error event.
  setTimeout(() => {
    throw error;
  });
});
