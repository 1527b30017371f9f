% What imresize of GNU Octave's image package gives of a small image, bicubic: printed as JSON, for resized-images.json.
% octave --no-gui resized_images.m > resized-images.json
pkg load image;
[x, y] = meshgrid (0:15, 0:11);
image = mod (7 * x + 11 * y .^ 2 + 3 * x .* y, 64) / 128 + 0.25;
cases = {};
for size = {[6 8], [3 4], [24 32], [36 48]}
  result = imresize (image, size{1}, "bicubic");
  cases{end + 1} = struct ("size", size{1}, "values", {reshape(result', 1, [])});
end
printf ("%s\n", jsonencode (struct ("image", {reshape(image', 1, [])}, "height", 12, "width", 16, "cases", {cases})));
