/**
 * The exported model in the browser: model.tflite by LiteRT.js or, where that fails, model_encode.onnx and
 * model_step.onnx by ONNX Runtime Web. Both lie in libraries/; index.html maps their names to these files.
 */

const LIBRARIES = new URL("libraries/", import.meta.url).href;
const RUNTIMES = { litert: openLiteRt, onnxruntime: openOnnx };

/**
 * Opens the model of a folder: {name, config, look}. `look(pixels)`, a Float32Array of [h, w, C], encodes once and gives
 * {foreground, step, close}: foreground {values, height, width} or null; step() gives the next {score, mask}.
 * `wanted` is one of "litert" and "onnxruntime"; without it the first that opens is taken.
 */
export async function open(folder, wanted) {
  const config = await (await fetched(new URL("ris_tf.json", folder))).json();
  if (wanted && !(wanted in RUNTIMES)) throw new Error(`runtime "${wanted}" is unknown: give litert or onnxruntime`);
  const failures = [];
  for (const name of wanted ? [wanted] : Object.keys(RUNTIMES)) {
    try {
      const { tensor, encode, step } = await RUNTIMES[name](folder);
      const shape = [1, ...config.model.size, config.model.channels];
      return { name, config, look: async (pixels) => looked(await encode({ image: tensor(pixels, shape) }), step) };
    } catch (error) {
      failures.push(`${name}: ${error.message ?? error}`);
    }
  }
  throw new Error(failures.join("; "));
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname.split("/").at(-1)}: ${response.status} ${response.statusText}`);
  return response;
}

/** What `encode` gave, and steps from there; tensors of both runtimes as {values, shape, free, tensor}. */
function looked(tensors, step) {
  const foreground = tensors.foreground ? plane(tensors.foreground) : null;
  delete tensors.foreground;
  return {
    foreground,
    async step() {
      const { score, mask, ...next } = await step(tensors);
      const result = { score: score.values[0], mask: plane(mask) };
      score.free();
      for (const [name, tensor] of Object.entries(next)) {
        const state = name.replace("next_", "state_");
        tensors[state].free();
        tensors[state] = tensor;
      }
      return result;
    },
    close: () => Object.values(tensors).forEach((tensor) => tensor.free()),
  };
}

/** float32 [1, h, w] that is read and let go. */
function plane({ values, shape, free }) {
  const result = { values: values.slice(), height: shape[1], width: shape[2] };
  free();
  return result;
}

const map = (tensors, change) =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor)]));

async function openLiteRt(folder) {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
  await loadLiteRt(`${LIBRARIES}@litertjs/core/wasm/`);
  const content = await (await fetched(new URL("model.tflite", folder))).arrayBuffer();
  const model = await loadAndCompile(new Uint8Array(content), { accelerator: "wasm" });
  const wrapped = (tensor) => ({
    tensor,
    get values() {
      return tensor.toTypedArray();
    },
    shape: [...tensor.type.layout.dimensions],
    free: () => tensor.delete(),
  });
  const run = async (signature, tensors) =>
    map(await model.run(signature, map(tensors, ({ tensor }) => tensor)), wrapped);
  const tensor = (values, shape) => wrapped(new Tensor(values, shape));
  return {
    tensor,
    async encode(tensors) {
      const result = await run("encode", tensors);
      tensors.image.free();
      // States of one shape are one tensor of zeros in the file, which LiteRT.js gives under one of their names only.
      for (const { name, shape } of model.signatures.step.getInputDetails())
        if (name.startsWith("state_")) result[name] ??= tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
      return result;
    },
    step: (tensors) => run("step", tensors),
  };
}

async function openOnnx(folder) {
  const { env, InferenceSession, Tensor } = await import("onnxruntime-web");
  env.wasm.wasmPaths = `${LIBRARIES}onnxruntime-web/dist/`;
  if (!globalThis.crossOriginIsolated) env.wasm.numThreads = 1; // threads need headers that few hosts send
  const open = async (file) => {
    const content = await (await fetched(new URL(file, folder))).arrayBuffer();
    const session = await InferenceSession.create(new Uint8Array(content), { executionProviders: ["wasm"] });
    return async (tensors) => map(await session.run(map(tensors, ({ tensor }) => tensor)), wrapped);
  };
  const wrapped = (tensor) => ({ tensor, values: tensor.data, shape: tensor.dims, free: () => tensor.dispose() });
  return {
    tensor: (values, shape) => wrapped(new Tensor("float32", values, shape)),
    encode: await open("model_encode.onnx"),
    step: await open("model_step.onnx"),
  };
}
