// Copying to the clipboard.

/** Copy a text, which `element` shows; return whether the browser has allowed it. Without https there is only the selection. */
export async function copyText(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
