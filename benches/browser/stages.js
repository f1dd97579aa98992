// One stage of one program over the chosen file: `measure(stage)` gives rows and seconds. All but DuckDB-WASM, which brings a
// worker of its own, run in `worker.js`.

window.measure = (stage) => {
  const file = document.querySelector("input").files[0];
  return stage === "duckdb" ? duckdb(file) : inWorker(stage, file);
};

function inWorker(stage, file) {
  const worker = new Worker("worker.js", { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.failed ? reject(new Error(data.failed)) : resolve(data));
    worker.onerror = (event) => reject(new Error(event.message ?? "the worker cannot be loaded"));
    worker.postMessage({ stage, file });
  });
}

async function duckdb(file) {
  const dist = "/npm/@duckdb/duckdb-wasm/dist";
  const duckdb = await import(`${dist}/duckdb-browser.mjs`);
  const db = new duckdb.AsyncDuckDB(new duckdb.VoidLogger(), new Worker(`${dist}/duckdb-browser-eh.worker.js`));
  await db.instantiate(`${dist}/duckdb-eh.wasm`);
  await db.registerFileHandle("flows.csv", file, duckdb.DuckDBDataProtocol.BROWSER_FILEREADER, true);
  const connection = await db.connect();
  const start = performance.now();
  await connection.query("CREATE TABLE flows AS SELECT * FROM read_csv('flows.csv')");
  const seconds = (performance.now() - start) / 1000;
  const counted = await connection.query("SELECT count(*)::INTEGER AS rows FROM flows");
  return { rows: counted.toArray()[0].rows, seconds };
}
