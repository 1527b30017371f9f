/** Returns the readers of ONNX files, loaded when the first file is read: programs that read none do without protocol buffers. */
export async function loadOnnxReader() {
  const [{ checkModel, readMetadata }, { plainFile }] = await Promise.all([
    import("./onnx-metadata.ts"),
    import("./onnx-plain.ts"),
  ]);
  return { checkModel, readMetadata, plainFile };
}
