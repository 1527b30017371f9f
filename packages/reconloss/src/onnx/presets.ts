import type { FitResizer } from "./fit.ts";

/** A published network whose input is known, so that `--network dinov2 --checkpoint file.onnx` says all of it. */
export interface NetworkPreset {
  /** Its input and output: options of the table of `--input`. */
  readonly options: {
    readonly size: string;
    readonly resize: FitResizer;
    readonly crop: "none" | "center" | "square";
    readonly mean: string;
    readonly std: string;
    readonly output: string;
    readonly tokens: "none" | "first";
    readonly unitLength: boolean;
  };
  /** The ONNX file that fits. */
  readonly file: string;
  /** The number of features of the papers' network; smaller relatives of it give fewer. */
  readonly features: number;
  /** The literature's name for a metric of these features, by the metric's name. */
  readonly names: Readonly<Record<string, string>>;
  /** The metric that these features are known for. */
  readonly metric: string;
  /** Papers and code that the options are taken from. */
  readonly source: string;
}

/** The networks whose input is known. */
export const networkPresets = {
  /*
   * dgm-eval (models/dinov2.py, as it is by default): stretched to 224x224 by Pillow's bicubic filter in 8 bits, no crop, the statistics of ImageNet; DINOv2's
   * hubconf gives the normalised class token, which is the first of Hugging Face's last_hidden_state.
   */
  dinov2: {
    options: {
      size: "224x224",
      resize: "pillow",
      crop: "none",
      mean: "0.485:0.456:0.406",
      std: "0.229:0.224:0.225",
      output: "last_hidden_state",
      tokens: "first",
      unitLength: false,
    },
    file: "onnx/model.onnx of https://huggingface.co/onnx-community/dinov2-large (facebook/dinov2-large, ViT-L/14)",
    features: 1024,
    names: { frechet: "fd-dinov2" },
    metric: "frechet",
    source:
      "Stein et al. 2023, Exposing flaws of generative model evaluation metrics, code layer6ai-labs/dgm-eval; network: Oquab et al. 2023, facebookresearch/dinov2",
  },
  /*
   * CMMD's code (cmmd/io_util.py, embedding.py): the central square, then Pillow's bicubic filter in 8 bits to 336x336, CLIP's own mean and standard deviation, and embeddings of unit length,
   * as scenic's CLIP gives them.
   */
  clip: {
    options: {
      size: "336x336",
      resize: "pillow",
      crop: "square",
      mean: "0.48145466:0.4578275:0.40821073",
      std: "0.26862954:0.26130258:0.27577711",
      output: "image_embeds",
      tokens: "none",
      unitLength: true,
    },
    file: "onnx/vision_model.onnx of https://huggingface.co/Xenova/clip-vit-large-patch14-336 (openai/clip-vit-large-patch14-336)",
    features: 768,
    names: { mmd: "cmmd" },
    metric: "mmd",
    source:
      "Jayasumana et al. 2024, Rethinking FID, code google-research/cmmd and sayakpaul/cmmd-pytorch; network: Radford et al. 2021, openai/CLIP, ViT-L/14@336px",
  },
} as const satisfies Record<string, NetworkPreset>;

/** The names of {@link networkPresets}. */
export type NetworkPresetName = keyof typeof networkPresets;

/** Whether a word is the name of one of {@link networkPresets}. */
export function isPresetName(word: string): word is NetworkPresetName {
  return Object.hasOwn(networkPresets, word);
}
