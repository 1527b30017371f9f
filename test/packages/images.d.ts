export interface Picture {
  data: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
}
export function pictures(size: number): [Picture, Picture];
export interface Summary {
  value: number;
  shape: number[];
  grad: number[];
}
export function summary(result: { value: number; grad: { shape: readonly number[]; data: Float32Array } }): Summary;
