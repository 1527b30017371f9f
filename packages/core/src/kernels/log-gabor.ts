/** The numbers of wavelengths and directions of waves. */
export interface PhaseOptions {
  readonly scales: number;
  readonly orientations: number;
}

/** The constants of FSIM's authors: the shortest wavelength, the ratio of wavelengths, the relative bandwidth, how wide orientations are, the low-pass filter. */
const leastWavelength = 6;
const ratio = 2;
const sigma = 0.55;
const widthOfOrientations = 1.2;
const cutoff = 0.45;
const order = 15;

/** The noise threshold in deviations above the mean of noise, and by what it overestimates. */
const deviations = 2;
const overestimate = 1.7;

/** Frequencies along an axis of `n` positions, in the order of transforms; those of odd sizes are stretched to reach 1/2, as the authors have them. */
function frequencies(n: number): number[] {
  return Array.from({ length: n }, (_, i) => (i < (n + 1) >> 1 ? i : i - n) / (n - (n % 2)));
}

/** Filters of waves (log-Gabor, Kovesi 1999), column by column of a plane's coefficients. */
export interface LogGabor {
  /** The part of each scale, of the frequencies from 0 up: columns of floor(h / 2) + 1. At opposite frequencies it is the same. */
  readonly radial: readonly Float64Array[];
  /** The part of each orientation, of all frequencies: columns of h. */
  readonly spread: readonly Float64Array[];
  /** The noise threshold of each orientation, by the median amplitude at the finest scale. */
  readonly thresholds: readonly number[];
}

/** The filters of planes of a size. */
export function logGabor(h: number, w: number, { scales, orientations }: PhaseOptions): LogGabor {
  const [rows, columns] = [frequencies(h), frequencies(w)];
  const [quarterRows, quarterColumns] = [(h >> 1) + 1, (w >> 1) + 1];
  const each = (count: number) => Array.from({ length: count }, (_, i) => i);
  const radial = each(scales).map((scale) =>
    Float64Array.from({ length: quarterRows * quarterColumns }, (_, i) => {
      const radius = Math.hypot(rows[i % quarterRows], columns[Math.floor(i / quarterRows)]);
      if (radius === 0) return 0;
      const lowPass = 1 / (1 + (radius / cutoff) ** (2 * order));
      const octave = Math.log(radius * leastWavelength * ratio ** scale) / Math.log(sigma);
      return lowPass * Math.exp(-(octave ** 2) / 2);
    }),
  );
  // The first axis is the one that angles are measured from the second of, downwards.
  const angles = Float64Array.from({ length: h * w }, (_, i) => Math.atan2(-columns[Math.floor(i / h)], rows[i % h]));
  const deviation = Math.PI / (orientations * widthOfOrientations);
  const spread = each(orientations).map((orientation) =>
    angles.map((angle) => {
      const turned = Math.abs(angle - (orientation * Math.PI) / orientations);
      const distance = Math.min(turned, 2 * Math.PI - turned);
      return Math.exp(-(distance ** 2) / (2 * deviation ** 2));
    }),
  );
  const thresholds = spread.map((own) => {
    let [finest, noise] = [0, 0];
    for (let column = 0; column < w; column++) {
      for (let row = 0; row < h; row++) {
        const quarter = Math.min(column, w - column) * quarterRows + Math.min(row, h - row);
        const all = own[column * h + row];
        const even = (all + own[((w - column) % w) * h + ((h - row) % h)]) / 2;
        finest += (radial[0][quarter] * all) ** 2;
        // Sums over pixels of products of the filters' waves are sums over their coefficients.
        noise += (radial.reduce((sum, filter) => sum + filter[quarter], 0) * even) ** 2;
      }
    }
    const rayleigh = Math.sqrt(noise / (Math.LN2 * finest));
    return (rayleigh * (Math.sqrt(Math.PI / 2) + deviations * Math.sqrt(2 - Math.PI / 2))) / overestimate;
  });
  return { radial, spread, thresholds };
}
