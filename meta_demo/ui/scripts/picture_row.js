// The input of a row of a list of values, for pictures: a thumbnail. New rows come with the pictures of files or of the camera.

const rowInput = (row) => make("img", "value-picture", { src: row.item, alt: words.picture, draggable: false });
const rowAdders = (take) => {
  receive(root, words, take);
  return [fileButton(words, take), cameraButton(words, take)];
};
const FIRST_ROWS = 0;
