/** A JPEG with an EXIF segment that states this orientation. */
export function exifOf(jpeg: Uint8Array, orientation: number): Buffer {
  const exif = Buffer.from(
    "ffe10022457869660000" + "49492a0008000000" + "0100" + "120103000100000000000000" + "00000000",
    "hex",
  );
  exif[28] = orientation;
  return Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]);
}
