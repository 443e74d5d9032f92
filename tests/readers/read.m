% Writes what Octave sees of a run file's arrays, as JSON: read.m RUN.h5
% Its axes are reversed, so that values come in the order of the file; it tells of no attributes.
% SPDX-License-Identifier: GPL-3.0-or-later
seen = load("-hdf5", argv(){end});
arrays = {"network/hidden1/kernel", "network/output/bias", "training/history/step", "training/history/loss", ...
          "training/state/order", "projections/r2rt/image", "projections/r2rt/label", "generated/r2rt/settled"};
lines = {};
for i = 1:numel(arrays)
  value = seen;
  for step = strsplit(arrays{i}, "/")
    value = value.(step{1});
  end
  flat = double(value(:));
  sizes = fliplr(size(value));
  if isvector(value)
    sizes = numel(value);
  end
  total = sum(flat .* (1 + mod((0:numel(flat) - 1)', 7)));
  lines{end + 1} = sprintf("\"%s\": [[%s], %.17g]", arrays{i}, strjoin(cellstr(num2str(sizes(:)))', ", "), total);
end
printf("{\"arrays\": {%s}, \"attributes\": {}, \"count\": 0}\n", strjoin(lines, ", "));
