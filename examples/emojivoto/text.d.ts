/** `import page from "./page.html" with { type: "text" }` gives the file's text. */
declare module "*.html" {
  const text: string;
  export default text;
}
