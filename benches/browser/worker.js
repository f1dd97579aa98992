// The stages, in one worker and on one thread. Stages that score run once unmeasured, on both sides: compilers of a browser
// take some time to do their best. Before Oddflow reads the file, it reads
// as much of it as the page rehearses with.
import init, { Columns, Scoring } from "/wasm/bench-stages.js";

// Bytes.
const REHEARSED = 5e5;

// onnxruntime-web's best of 64, 256, 1024 and 8192.
const BATCH = 1024;

onmessage = async ({ data: { stage, file } }) => {
  try {
    postMessage(await STAGES[stage](file));
  } catch (error) {
    postMessage({ failed: `${stage}: ${error.message ?? error}` });
  }
};

const STAGES = {
  columns: async (file) => {
    await init();
    const head = file.slice(0, REHEARSED);
    for (let times = 0; times < 5; times++) (await Columns.of(head)).free();
    const start = performance.now();
    const columns = await Columns.of(file);
    return { rows: columns.rows(), seconds: (performance.now() - start) / 1000 };
  },
  encode: (file) => scoring(file, "encode"),
  forest: (file) => scoring(file, "forest"),
  network: (file) => scoring(file, "network"),
  tract: (file) => scoring(file, "tract"),
  onnxruntime: onnxruntime,
  papaparse: papaparse,
};

async function scoring(file, stage) {
  const scoring = await prepared(file);
  scoring[stage]();
  const { seconds } = timed(() => scoring[stage]());
  return { rows: scoring.out().length, seconds };
}

/** The same network and inputs; also how far apart its and tract's outputs are at most. */
async function onnxruntime(file) {
  const ort = await import("/npm/onnxruntime-web/dist/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";
  const scoring = await prepared(file);
  scoring.tract();
  const [inputs, width, expected] = [scoring.inputs(), scoring.n_inputs(), scoring.out()];
  scoring.free();
  const session = await ort.InferenceSession.create("/pack/dnn.onnx", { executionProviders: ["wasm"] });
  const out = new Float32Array(expected.length);
  const run = async () => {
    for (let at = 0; at < out.length; at += BATCH) {
      const batch = inputs.subarray(at * width, Math.min(at + BATCH, out.length) * width);
      const features = new ort.Tensor("float32", batch, [batch.length / width, width]);
      out.set((await session.run({ [session.inputNames[0]]: features }))[session.outputNames[0]].data, at);
    }
  };
  await run();
  const start = performance.now();
  await run();
  const seconds = (performance.now() - start) / 1000;
  const difference = out.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at])), 0);
  return { rows: out.length, seconds, difference };
}

/** Rows with typed cells, handed out in pieces as it reads them; nothing is kept. */
async function papaparse(file) {
  // It is no module: it leaves its name where it finds a `self`.
  (0, eval)(await (await fetch("/npm/papaparse/papaparse.min.js")).text());
  let rows = -1;
  const start = performance.now();
  await new Promise((complete, error) => {
    const chunk = ({ data }) => (rows += data.length);
    self.Papa.parse(file, { dynamicTyping: true, skipEmptyLines: true, chunk, complete, error });
  });
  return { rows, seconds: (performance.now() - start) / 1000 };
}

async function prepared(file) {
  await init();
  const bytes = async (name) => new Uint8Array(await (await fetch(`/pack/${name}`)).arrayBuffer());
  return new Scoring(await Columns.of(file), await bytes("manifest.json"), await bytes("dnn.onnx"));
}

function timed(work) {
  const start = performance.now();
  const result = work();
  return { seconds: (performance.now() - start) / 1000, result };
}
