% Numbers of structural similarity in float64, written from the descriptions of each implementation, not from its code:
%   octave --no-gui structural_similarity.m > structural-similarity.json
% The images are whole numbers given by a formula, so that nothing has to be stored; `output` is the first, `target` the second.

1;

function [output, target] = images(h, w, c)
  output = zeros(h, w, c);
  target = zeros(h, w, c);
  [j, i] = meshgrid(0:w-1, 0:h-1);
  for k = 1:c
    base = 60 + mod(floor(i / (2 + k)) * 29 + floor(j / 5) * 47, 97) + mod(i * 7 + j * 13 + k, 11);
    noise = mod(i .* i + 3 * j .* j + i .* j, 41) - 20;
    target(:, :, k) = base;
    output(:, :, k) = min(255, max(0, base + noise));
  end
end

function g = gauss(size, sigma)
  x = (0:size-1)' - (size - 1) / 2;
  g = exp(-x .^ 2 / (2 * sigma ^ 2));
  g = g / sum(g);
end

% The image continued: index vectors into a side of length n, `before` and `after` more.
function at = continued(n, before, after, mode)
  at = 1-before:n+after;
  switch mode
    case "replicate"
      at = min(max(at, 1), n);
    case "symmetric" % the edge twice
      at = mod(at - 1, 2 * n);
      at = min(at, 2 * n - 1 - at) + 1;
    case "reflect" % the edge once
      at = mod(at - 1, 2 * n - 2);
      at = min(at, 2 * n - 2 - at) + 1;
  end
end

% SSIM and contrast-structure maps of one plane; u, v: window weights down and across. Where a constant is 0 and its quotient 0 / 0, it is 1.
function [map, cs, l] = maps(x, y, u, v, c1, c2, unbias)
  blur = @(a) conv2(u, v, a, "valid");
  mx = blur(x); my = blur(y);
  sx = (blur(x .* x) - mx .* mx) * unbias;
  sy = (blur(y .* y) - my .* my) * unbias;
  sxy = (blur(x .* y) - mx .* my) * unbias;
  l = (2 * mx .* my + c1) ./ (mx .* mx + my .* my + c1);
  cs = (2 * sxy + c2) ./ (sx + sy + c2);
  map = l .* cs;
end

% Wang's ssim.m: a box of f x f centred as imfilter centres it (floor((f + 1) / 2) from the first), the border mirrored, every f-th pixel.
function z = shrink(x, f)
  before = floor((f + 1) / 2) - 1;
  rows = continued(rows(x), before, f - 1 - before, "symmetric");
  columns = continued(columns(x), before, f - 1 - before, "symmetric");
  z = conv2(ones(f, 1) / f, ones(1, f) / f, x(rows, columns), "valid");
  z = z(1:f:end, 1:f:end);
end

function value = wang(x, y, range, k)
  f = max(1, round(min(size(x)) / 256));
  if f > 1
    x = shrink(x, f);
    y = shrink(y, f);
  end
  g = gauss(11, 1.5);
  value = mean(maps(x, y, g, g', (k(1) * range) ^ 2, (k(2) * range) ^ 2, 1)(:));
end

% ssim of the Image Processing Toolbox: everywhere, the border repeated.
function value = toolbox(x, y, range, sigma)
  r = ceil(3 * sigma);
  g = gauss(2 * r + 1, sigma);
  at = {continued(rows(x), r, r, "replicate"), continued(columns(x), r, r, "replicate")};
  value = mean(maps(x(at{:}), y(at{:}), g, g', (0.01 * range) ^ 2, (0.03 * range) ^ 2, 1)(:));
end

% The same given a colour image, which it takes for a volume: windows of 11 x 11 x 11, the border repeated along all three axes.
function value = toolbox_volume(x, y, range, sigma)
  r = ceil(3 * sigma);
  g = gauss(2 * r + 1, sigma);
  at = {continued(size(x, 1), r, r, "replicate"), continued(size(x, 2), r, r, "replicate"), continued(size(x, 3), r, r, "replicate")};
  window = reshape(kron(g, kron(g, g)), [numel(g), numel(g), numel(g)]);
  blur = @(a) convn(a(at{:}), window, "valid");
  c1 = (0.01 * range) ^ 2; c2 = (0.03 * range) ^ 2;
  mx = blur(x); my = blur(y);
  map = (2 * mx .* my + c1) .* (2 * (blur(x .* y) - mx .* my) + c2) ./ ((mx .^ 2 + my .^ 2 + c1) .* (blur(x .^ 2) - mx .^ 2 + blur(y .^ 2) - my .^ 2 + c2));
  value = mean(map(:));
end

% msssim.m and tf.image.ssim_multiscale of one channel: halves of the image mirrored at its end.
function value = msssim(x, y, range, weights)
  g = gauss(11, 1.5);
  value = 1;
  for s = 1:numel(weights)
    [map, cs] = maps(x, y, g, g', (0.01 * range) ^ 2, (0.03 * range) ^ 2, 1);
    if s == numel(weights) cs = map; end
    value = value * max(0, mean(cs(:))) ^ weights(s);
    x = shrink(x, 2);
    y = shrink(y, 2);
  end
end

function z = halve(x) % torch avg_pool2d(x, 2)
  [h, w] = size(x);
  z = (x(1:2:h-1, 1:2:w-1) + x(2:2:h, 1:2:w-1) + x(1:2:h-1, 2:2:w) + x(2:2:h, 2:2:w)) / 4;
end

function z = halve_zero(x) % torch avg_pool2d(x, 2, padding=(h % 2, w % 2))
  [h, w] = size(x);
  z = halve([zeros(mod(h, 2), mod(w, 2) + w); zeros(h, mod(w, 2)), x]);
end

% torchmetrics: reflected border; contrast-structure is of the windows inside; means over channels, then the product.
function value = torchmetrics_ms(x, y, range, sigma, weights, normalize)
  r = floor(3.5 * sigma + 0.5);
  g = gauss(2 * r + 1, sigma);
  for s = 1:numel(weights)
    total = 0;
    for k = 1:size(x, 3)
      last = s == numel(weights);
      rr = last * r;
      at = {continued(rows(x), rr, rr, "reflect"), continued(columns(x), rr, rr, "reflect")};
      [map, cs] = maps(x(at{:}, k), y(at{:}, k), g, g', (0.01 * range) ^ 2, (0.03 * range) ^ 2, 1);
      if last cs = map; end
      total = total + mean(cs(:)) / size(x, 3);
    end
    factors(s) = total;
    if !last
      a = []; b = [];
      for k = 1:size(x, 3)
        a(:, :, k) = halve(x(:, :, k));
        b(:, :, k) = halve(y(:, :, k));
      end
      x = a; y = b;
    end
  end
  if strcmp(normalize, "simple") factors = (factors + 1) / 2; else factors = max(factors, 0); end
  value = prod(factors .^ weights);
end

function value = torchmetrics(x, y, range, sigmas)
  r = floor(3.5 * sigmas + 0.5);
  at = {continued(rows(x), r(1), r(1), "reflect"), continued(columns(x), r(2), r(2), "reflect")};
  value = 0;
  for k = 1:size(x, 3)
    map = maps(x(at{:}, k), y(at{:}, k), gauss(2 * r(1) + 1, sigmas(1)), gauss(2 * r(2) + 1, sigmas(2))', (0.01 * range) ^ 2, (0.03 * range) ^ 2, 1);
    value = value + mean(map(:)) / size(x, 3);
  end
end

% A window of any size inside the image, mean over channels, of SSIM or of contrast-structure.
function value = inside(x, y, range, u, v, unbias, part)
  value = 0;
  for k = 1:size(x, 3)
    [map, cs] = maps(x(:, :, k), y(:, :, k), u, v', (0.01 * range) ^ 2, (0.03 * range) ^ 2, unbias);
    if strcmp(part, "cs") map = cs; end
    value = value + mean(map(:)) / size(x, 3);
  end
end

function z = luma(x) % of 8-bit RGB, rounded, halves to even
  thousandths = 299 * x(:, :, 1) + 587 * x(:, :, 2) + 114 * x(:, :, 3);
  z = floor((thousandths + 500) / 1000);
  z -= (mod(thousandths, 1000) == 500) & (mod(z, 2) == 1);
end

function value = pyiqa_ms(x, y)
  weights = [0.0448 0.2856 0.3001 0.2363 0.1333];
  g = gauss(11, 1.5);
  value = 1;
  for s = 1:5
    [map, cs, l] = maps(x, y, g, g', 2.55 ^ 2, 7.65 ^ 2, 1);
    cs = max(cs, 0);
    if s == 5 cs = l .* cs; end
    value = value * mean(cs(:)) ^ weights(s);
    x = halve_zero(x);
    y = halve_zero(y);
  end
end

% kornia's MS_SSIMLoss: a Gaussian per scale on the image itself, zeros around it; `pairs`: for each product the channel and the scale.
function value = mixed(x, y, range, sigmas, alpha, compensation, legacy)
  S = numel(sigmas); C = size(x, 3);
  r = fix(2 * sigmas(S));
  pad = @(a) [zeros(r, columns(a) + 2 * r); zeros(rows(a), r), a, zeros(rows(a), r); zeros(r, columns(a) + 2 * r)];
  l1 = 0;
  for k = 1:C
    for s = 1:S
      g = gauss(2 * r + 1, sigmas(s));
      [~, cs{k, s}, l{k, s}] = maps(pad(x(:, :, k)), pad(y(:, :, k)), g, g', (0.01 * range) ^ 2, (0.03 * range) ^ 2, 1);
    end
    l1 = l1 + conv2(g, g', pad(abs(x(:, :, k) - y(:, :, k))), "valid") / C;
  end
  similar = 0;
  if legacy
    % 3 S masks, three of each scale, shared out among the channels in this order.
    similar = 1;
    for m = 0:3*S-1
      k = floor(m / (3 * S / C)) + 1; s = floor(m / 3) + 1;
      similar = similar .* cs{k, s};
      if m >= 3 * S - 3 similar = similar .* l{k, s}; end
    end
  else
    for k = 1:C
      product = l{k, S};
      for s = 1:S product = product .* cs{k, s}; end
      similar = similar + product / C;
    end
  end
  value = mean((compensation * (alpha * (1 - similar) + (1 - alpha) * l1 / range))(:));
end

function gradient = slopes(f, x, places)
  for n = 1:rows(places)
    p = num2cell(places(n, :));
    a = x; b = x;
    a(p{:}) += 1e-4; b(p{:}) -= 1e-4;
    gradient(n) = (f(a) - f(b)) / 2e-4;
  end
end

printf("[\n");
function say(spec, h, w, c, value, more)
  persistent count = 0;
  if count > 0 printf(",\n"); end
  count = count + 1;
  printf('{ "spec": "%s", "shape": [1, %d, %d, %d], "expected": %.15g%s }', spec, c, h, w, value, more);
end

five = [0.0448 0.2856 0.3001 0.2363 0.1333];
for side = [48 64; 383 400; 384 500; 385 390; 511 513; 639 650; 640 700; 641 640; 700 640; 896 900]'
  [x, y] = images(side(1), side(2), 1);
  say("ssim(preset=ssim.m,dataRange=255)", side(1), side(2), 1, wang(x, y, 255, [0.01 0.03]), "");
end
[x, y] = images(60, 45, 1);
say("ssim(preset=ssim.m,dataRange=255,k1=0,k2=0)", 60, 45, 1, wang(x, y, 255, [0 0]), "");
for side = [48 64; 33 70; 5 7; 1 3]'
  [x, y] = images(side(1), side(2), 1);
  say("ssim(preset=matlab,dataRange=255)", side(1), side(2), 1, toolbox(x, y, 255, 1.5), "");
  say("ssim(preset=matlab,dataRange=255,sigma=2.2)", side(1), side(2), 1, toolbox(x, y, 255, 2.2), "");
end
for side = {[20, 25], [6, 5]}
  h = side{1}(1); w = side{1}(2);
  [x, y] = images(h, w, 3);
  places = [1, 1, 1; 3, 4, 2; 5, 5, 3];
  more = sprintf(', "places": [[1, 1, 1], [2, 3, 4], [3, 5, 5]], "gradient": [%.12g, %.12g, %.12g]', slopes(@(a) toolbox_volume(a, y, 255, 1.5), x, places));
  say("ssim(preset=matlab,volume=true,dataRange=255)", h, w, 3, toolbox_volume(x, y, 255, 1.5), more);
end
for side = [176 176; 161 200; 177 191; 255 255]'
  [x, y] = images(side(1), side(2), 1);
  value = msssim(x, y, 255, five);
  say("ms-ssim(preset=msssim.m,dataRange=255)", side(1), side(2), 1, value, "");
  say("ms-ssim(preset=tensorflow,dataRange=255)", side(1), side(2), 1, value, "");
  say("ms-ssim(preset=tensorflow,dataRange=255,weights=0.2:0.3:0.5)", side(1), side(2), 1, msssim(x, y, 255, [0.2 0.3 0.5]), "");
  [x, y] = images(side(1), side(2), 3);
  value = 0;
  for k = 1:3 value = value + msssim(x(:, :, k), y(:, :, k), 255, five) / 3; end
  say("ms-ssim(preset=tensorflow,dataRange=255)", side(1), side(2), 3, value, "");
  say("ms-ssim(preset=torchmetrics,dataRange=255)", side(1), side(2), 3, torchmetrics_ms(x, y, 255, 1.5, five, "relu"), "");
  say("ms-ssim(preset=torchmetrics,dataRange=255,normalize=simple,sigma=1.2)", side(1), side(2), 3, torchmetrics_ms(x, y, 255, 1.2, five, "simple"), "");
  say("ms-ssim(preset=torchmetrics,dataRange=255,weights=0.4:0.6)", side(1), side(2), 3, torchmetrics_ms(x, y, 255, 1.5, [0.4 0.6], "relu"), "");
  say("ms-ssim(preset=pyiqa,dataRange=255)", side(1), side(2), 3, pyiqa_ms(luma(x), luma(y)), "");
end
[x, y] = images(40, 51, 3);
for sigma = [0.8 1.5 2.5]
  r = floor(3.5 * sigma + 0.5); g = gauss(2 * r + 1, sigma); area = (2 * r + 1) ^ 2;
  say(sprintf("ssim(preset=torchmetrics,dataRange=255,sigma=%g)", sigma), 40, 51, 3, torchmetrics(x, y, 255, [sigma sigma]), "");
  say(sprintf("ssim(preset=skimage-gaussian,dataRange=255,sigma=%g)", sigma), 40, 51, 3, inside(x, y, 255, g, g, 1, "ssim"), "");
  say(sprintf("ssim(preset=skimage,window=gaussian,dataRange=255,sigma=%g)", sigma), 40, 51, 3, inside(x, y, 255, g, g, area / (area - 1), "ssim"), "");
end
say("ssim(preset=torchmetrics,dataRange=255,sigma=1:2)", 40, 51, 3, torchmetrics(x, y, 255, [1 2]), "");
say("ssim(preset=torchmetrics,dataRange=255,sigma=2.5:0.6)", 40, 51, 3, torchmetrics(x, y, 255, [2.5 0.6]), "");
g = gauss(11, 1.5);
say("ssim(preset=torchmetrics,dataRange=255,part=cs,region=valid)", 40, 51, 3, inside(x, y, 255, g, g, 1, "cs"), "");
say("ssim(size=8,dataRange=255)", 40, 51, 3, inside(x, y, 255, gauss(8, 1.5), gauss(8, 1.5), 1, "ssim"), "");
say("ssim(size=4:9,window=uniform,covariance=sample,dataRange=255)", 40, 51, 3, inside(x, y, 255, ones(4, 1) / 4, ones(9, 1) / 9, 36 / 35, "ssim"), "");
say("ssim(size=4:9,sigma=1:2,dataRange=255)", 40, 51, 3, inside(x, y, 255, gauss(4, 1), gauss(9, 2), 1, "ssim"), "");
[~, cs, l] = maps(luma(x), luma(y), g, g', 2.55 ^ 2, 7.65 ^ 2, 1);
say("ssim(preset=pyiqa,dataRange=255)", 40, 51, 3, mean((l .* max(cs, 0))(:)), "");
say("ssim(channels=y-matlab,dataRange=255)", 40, 51, 3, mean((l .* cs)(:)), "");

sigmas = [0.5 1 2 4 8];
places = [1 1 1; 9 12 1; 20 26 1; 28 3 1];
for c = [1 3]
  [x, y] = images(28, 33, c);
  places(:, 3) = c;
  for legacy = [false true]
    preset = {"kornia", "psyrocloud"}{legacy + 1};
    gradient = slopes(@(a) mixed(a, y, 255, sigmas, 0.025, 200, legacy), x, places(1:3, :));
    more = sprintf(', "places": [[%d, 1, 1], [%d, 9, 12], [%d, 20, 26]], "gradient": [%.12g, %.12g, %.12g]', c, c, c, gradient);
    say(sprintf("ms-ssim-l1(preset=%s,dataRange=255)", preset), 28, 33, c, mixed(x, y, 255, sigmas, 0.025, 200, legacy), more);
    f = @(a) mixed(a, y, 255, [1 3], 0.84, 1, legacy);
    if c == 1 || legacy == false
      gradient = slopes(f, x, places(1:3, :));
      more = sprintf(', "places": [[%d, 1, 1], [%d, 9, 12], [%d, 20, 26]], "gradient": [%.12g, %.12g, %.12g]', c, c, c, gradient);
      say(sprintf("ms-ssim-l1(preset=%s,dataRange=255,sigmas=1:3,alpha=0.84,compensation=1)", preset), 28, 33, c, f(x), more);
    end
  end
end
printf("\n]\n");
