// Reads the file of a model, which web/model_file.py writes.

import * as tf from "@tensorflow/tfjs-core";

const MAGIC = "SKETCHRN";
const VERSION = 1;
const BYTES = { float32: 4, float16: 2 };

/** Return {about, weights}: the header, and tensors by name, of the file's bytes (ArrayBuffer). */
export function readModel(buffer) {
  const view = new DataView(buffer);
  const text = (start, end) => new TextDecoder().decode(new Uint8Array(buffer, start, end - start));
  if (buffer.byteLength < 12 || text(0, 8) !== MAGIC) throw new Error("this is not a model file");
  let place = 12 + view.getUint32(8, true);
  if (place > buffer.byteLength) throw new Error("the model file is cut short");
  const about = JSON.parse(text(12, place));
  if (about.version !== VERSION) throw new Error("the model file is of another version");
  place += -place & 3;
  const size = BYTES[about.dtype];
  const weights = {};
  for (const { name, shape } of about.arrays) {
    const count = shape.reduce((product, one) => product * one, 1);
    if (place + count * size > buffer.byteLength) throw new Error("the model file is cut short");
    const values = about.dtype === "float32" ? new Float32Array(buffer, place, count)
      : Float32Array.from({ length: count }, (_, i) => half(view.getUint16(place + 2 * i, true)));
    weights[name] = tf.tensor(values, shape, "float32");
    place += count * size;
  }
  return { about, weights };
}

/** Return the number of 16 bits: 1 for the sign, 5 for the exponent, 10 for the fraction. */
function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24;
  return bits & 0x8000 ? -size : size;
}
