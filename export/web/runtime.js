/**
 * Runs the exported model in the browser: model.tflite with LiteRT.js or, if that fails, model_encode.onnx and
 * model_step.onnx with ONNX Runtime Web. Both libraries are in libraries/; index.html maps their names to the files.
 */

const LIBRARIES = new URL("libraries/", import.meta.url).href;
const RUNTIMES = { litert: openLiteRt, onnxruntime: openOnnx };

/**
 * Opens the model in a folder; returns {name, config, look}. `look(pixels)` takes a Float32Array of [h, w, C], encodes
 * it once, and returns {foreground, step, close}: `foreground` is {values, height, width} or null, `step()` returns the
 * next {score, mask}, and `close()` frees the tensors. `wanted` is "litert" or "onnxruntime"; without it, the first
 * runtime that opens is used.
 */
export async function open(folder, wanted) {
  const config = await (await fetched(new URL("ris_tf.json", folder))).json();
  if (wanted && !(wanted in RUNTIMES)) throw new Error(`runtime "${wanted}" is unknown; give litert or onnxruntime`);
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

/** Wraps the outputs of `encode` and the steps that follow. Tensors are {values, shape, free, tensor}. */
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

/** Copies a float32 [1, h, w] tensor and frees it. */
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
      // States of equal shape share one tensor of zeros in the file; LiteRT.js returns it under one name only.
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
