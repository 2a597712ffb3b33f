/** The candidates of the vote. */
export interface Emoji {
  readonly shortcode: string;
  readonly unicode: string;
}

export const emojis: readonly Emoji[] = [
  { shortcode: ":poop:", unicode: "💩" },
  { shortcode: ":doughnut:", unicode: "🍩" },
  { shortcode: ":joy:", unicode: "😂" },
  { shortcode: ":sunglasses:", unicode: "😎" },
  { shortcode: ":relaxed:", unicode: "☺️" },
  { shortcode: ":stuck_out_tongue_winking_eye:", unicode: "😜" },
  { shortcode: ":money_mouth_face:", unicode: "🤑" },
  { shortcode: ":flushed:", unicode: "😳" },
  { shortcode: ":mask:", unicode: "😷" },
  { shortcode: ":nerd_face:", unicode: "🤓" },
  { shortcode: ":ghost:", unicode: "👻" },
  { shortcode: ":skull_and_crossbones:", unicode: "☠️" },
  { shortcode: ":heart_eyes_cat:", unicode: "😻" },
  { shortcode: ":hear_no_evil:", unicode: "🙉" },
  { shortcode: ":see_no_evil:", unicode: "🙈" },
  { shortcode: ":speak_no_evil:", unicode: "🙊" },
  { shortcode: ":boy:", unicode: "👦" },
  { shortcode: ":girl:", unicode: "👧" },
  { shortcode: ":man:", unicode: "👨" },
  { shortcode: ":woman:", unicode: "👩" },
  { shortcode: ":rocket:", unicode: "🚀" },
  { shortcode: ":dog:", unicode: "🐶" },
  { shortcode: ":cat2:", unicode: "🐈" },
  { shortcode: ":tada:", unicode: "🎉" },
];
