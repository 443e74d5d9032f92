#!/bin/sh
# Tries one run file in other programs: run.sh INVPROJ FOLDER, which keeps what is fetched. See README.md.
# SPDX-License-Identifier: GPL-3.0-or-later
here=$(cd "$(dirname "$0")" && pwd)
invproj=$(realpath "$1")
mkdir -p "$2" && cd "$2" || exit 1
system=/usr/bin/python3 # the one that Debian's python3-h5py serves
bad=0

say() { printf '%-24s %s\n' "$1" "$2"; }
skip() { say "$1" "skipped: $2"; }

# ---- the run file -------------------------------------------------------------------------------
$system - data <<'END' || exit 1
import os, sys
import numpy as np
os.makedirs(sys.argv[1], exist_ok=True)
rng = np.random.default_rng(3)
classes = rng.integers(0, 200, (5, 9, 7))
for part, n in (("train", 350), ("t10k", 60)):
    label = np.arange(n) % 5
    image = np.clip(classes[label] + rng.integers(0, 50, (n, 9, 7)), 0, 255)
    for kind, array in (("images-idx3", image), ("labels-idx1", label)):
        with open(f"{sys.argv[1]}/{part}-{kind}-ubyte", "wb") as file:
            file.write(bytes([0, 0, 8, array.ndim]) + b"".join(int(s).to_bytes(4, "big") for s in array.shape))
            file.write(array.astype("u1").tobytes())
colours = rng.integers(0, 255, (200, 6, 5, 3)).astype("u1")
np.savez("colour.npz", x_train=colours[:150], y_train=np.arange(150) % 3, x_test=colours[150:], y_test=np.arange(50) % 3)
END
(cd "$here/../.." && "$invproj" run experiments/r2rt.cfg --data "$OLDPWD/data" -o "$OLDPWD/run" -q --force --threads 1 \
  --set data.validation=50 --set training.steps=300 --set training.batch=60 --set inverse.steps=70 \
  --set inverse.batch=60 --set inverse.confidence=0.0 --set network.layers.0.units=13 \
  --set network.layers.1.units=11 --set network.layers.2.units=0 --set project.images=20 \
  --set 'generate.classes=[0,1,3,4]' --set generate.steps=60) >/dev/null || exit 1
# and one of images in colours
cat >colour.cfg <<'END'
network = { layers = ({ name = "output"; type = "dense"; activation = "softmax"; }); };
training = { steps = 20; batch = 50; };
generate = { at = "input"; steps = 5; };
END
"$invproj" run colour.cfg --data colour.npz -o colour -q --force --threads 1 >/dev/null || exit 1
run=run/run.h5
if ! $system "$here/read.py" h5py $run >wanted.json 2>error; then
  echo "check-readers: skipped: there is no python3-h5py to compare with"
  exit 0
fi

# ---- what each must do --------------------------------------------------------------------------
# reads NAME COMMAND...: it sees what h5py sees
reads() {
  name=$1
  shift
  if "$@" >seen.json 2>error && difference=$($system "$here/compare.py" wanted.json seen.json); then
    say "$name" 'reads it right'
  else
    say "$name" "WRONG: $difference $(tail -n 1 error)"
    bad=1
  fi
}

# writes NAME COMMAND...: it opens copy.h5 for writing and closes it; invproj opens that
writes() {
  name=$1
  shift
  cp $run copy.h5
  if ! "$@" >seen 2>error; then
    say "$name" "WRONG: $(tail -n 1 error)"
    bad=1
    return
  fi
  first=$("$invproj" info copy.h5 2>error | head -n 1)
  changed=$("$invproj" info copy.h5 2>>error | grep -c 'changed since')
  case $first in
  *unsealed:*) [ "$changed" = 0 ] && say "$name" 'opened for writing: unsealed, and opens' && return ;;
  esac
  say "$name" "WRONG: after it was open for writing: $first $(tail -n 1 error)"
  bad=1
}

# venv FOLDER PACKAGES...
venv() {
  folder=$1
  shift
  [ -e "$folder/done" ] && return 0
  $system -m venv "$folder" && "$folder/bin/pip" install -q "$@" >error 2>&1 && touch "$folder/done"
}

# ---- C and Python -------------------------------------------------------------------------------
rewrite='import h5py; h5py.File("copy.h5", "r+").close()'
reads 'h5py, of the system' $system "$here/read.py" h5py $run
writes 'h5py, of the system' $system -c "$rewrite"
for version in 3.14.0 3.16.0; do # HDF5 1.14.6 and 2.0.0
  if venv "h5py-$version" h5py==$version numpy==2.2.6; then
    reads "h5py $version" "h5py-$version/bin/python" "$here/read.py" h5py $run
    writes "h5py $version" "h5py-$version/bin/python" -c "$rewrite"
  else
    skip "h5py $version" 'cannot be fetched'
  fi
done
if venv pyfive pyfive==1.3.0; then
  reads 'pyfive 1.3.0' pyfive/bin/python "$here/read.py" pyfive $run
else
  skip 'pyfive 1.3.0' 'cannot be fetched'
fi
if venv pandas pandas==2.3.3 tables==3.10.1 numpy==2.2.6; then
  reads 'PyTables 3.10.1' pandas/bin/python "$here/read.py" tables $run
  writes 'pandas.HDFStore 2.3.3' pandas/bin/python -c 'import pandas; pandas.HDFStore("copy.h5").close()'
else
  skip pandas 'cannot be fetched'
fi
if [ -e /usr/share/vitables/vitables ]; then
  writes ViTables env PYTHONPATH=/usr/share/vitables QT_QPA_PLATFORM=offscreen $system -c '
from qtpy import QtWidgets
app = QtWidgets.QApplication(["vitables"])
from vitables.h5db.dbdoc import DBDoc
db = DBDoc("copy.h5", "a")
assert db.get_node("/network/hidden1/kernel").shape == (63, 13)
db.closeH5File()'
else
  skip ViTables 'not installed (vitables)'
fi
if venv silx silx==2.2.2 h5py==3.14.0 numpy==2.2.6; then
  reads 'silx 2.2.2' silx/bin/python "$here/read.py" silx $run
else
  skip 'silx 2.2.2' 'cannot be fetched'
fi
if command -v h5repack >/dev/null; then
  writes h5repack sh -c "h5repack $run repacked.h5 && mv repacked.h5 copy.h5"
  if h5dump -n 1 $run >/dev/null 2>error; then
    say h5dump 'reads it'
  else
    say h5dump "WRONG: $(tail -n 1 error)"
    bad=1
  fi
else
  skip h5repack 'not installed (hdf5-tools)'
fi

# ---- programs that show pictures and arrays -------------------------------------------------------
# The first image of the projections, its values from 0 to 1, as a PNG of greys.
if command -v gdal_translate >/dev/null; then
  if gdal_translate -q -of PNG -ot Byte -scale 0 1 -b 1 "HDF5:\"$run\"://projections/r2rt/image" first.png 2>error &&
    gdalinfo first.png | grep -q 'Size is 7, 9'; then
    say 'gdal_translate' 'draws an image'
  else
    say 'gdal_translate' "WRONG: $(tail -n 1 error)"
    bad=1
  fi
else
  skip gdal_translate 'not installed (gdal-bin)'
fi
if command -v octave-cli >/dev/null; then
  reads Octave octave-cli -qf "$here/read.m" $run
else
  skip Octave 'not installed (octave)'
fi

# ---- a browser -----------------------------------------------------------------------------------
# The range of a dataset of images as h5web writes it: the sign of a number is U+2212 there, that of an exponent a hyphen.
range_of() {
  $system - "$@" <<'END'
import sys, h5py
with h5py.File(sys.argv[1]) as file:
    values = file[sys.argv[2]][()]
for value in (values[0].min(), values[0].max()):
    mantissa, exponent = f"{value:.3e}".split("e")
    print(f"{mantissa}e{int(exponent):+d}".replace("-", "\u2212", value < 0))
END
}
if command -v npm >/dev/null && command -v chromium >/dev/null && mkdir -p browser && cp "$here/h5web.mjs" browser/ &&
  (cd browser && { [ -e package.json ] || echo '{"type": "module", "private": true}' >package.json; } &&
    npm install --silent --no-audit --no-fund @h5web/app@16.0.1 @h5web/h5wasm@16.0.1 react@18.3.1 react-dom@18.3.1 \
      vite@5.4.21 puppeteer-core@23.11.1) >error 2>&1; then
  # shellcheck disable=SC2046 # one word a line
  if (cd browser && node h5web.mjs ../$run /generated/r2rt/image Heatmap \
    $(range_of ../$run generated/r2rt/image) 2>../error); then
    say 'h5web 16.0.1' 'draws an image'
  else
    say 'h5web 16.0.1' "WRONG: $(tail -n 1 error)"
    bad=1
  fi
  if (cd browser && node h5web.mjs ../colour/run.h5 /generated/generated/image RGB 'Keep ratio' 2>../error); then
    say 'h5web 16.0.1' 'draws an image in colours'
  else
    say 'h5web 16.0.1' "WRONG: $(tail -n 1 error)"
    bad=1
  fi
else
  skip h5web 'no npm or no chromium, or it cannot be fetched'
fi

# ---- JavaScript, Java, R ------------------------------------------------------------------------
[ -e package.json ] || echo '{"type": "module", "private": true}' >package.json
cp "$here/read.mjs" .
if command -v npm >/dev/null && npm install --silent --no-audit --no-fund jsfive@0.4.2 h5wasm@0.10.3 >error 2>&1; then
  reads 'jsfive 0.4.2' node read.mjs jsfive $run
  reads 'h5wasm 0.10.3' node read.mjs h5wasm $run
  writes 'h5wasm 0.10.3' node --input-type=module -e \
    'import h5 from "h5wasm/node"; await h5.ready; new h5.File("copy.h5", "a").close();'
else
  skip 'jsfive, h5wasm' 'no npm, or they cannot be fetched'
fi
cat >pom.xml <<'END'
<project><modelVersion>4.0.0</modelVersion><groupId>r</groupId><artifactId>r</artifactId><version>1</version>
<dependencies><dependency><groupId>io.jhdf</groupId><artifactId>jhdf</artifactId><version>0.13.0</version></dependency>
</dependencies></project>
END
if command -v mvn >/dev/null && mvn -q dependency:copy-dependencies -DoutputDirectory=jars >error 2>&1; then
  reads 'jHDF 0.13.0' java -cp 'jars/*' "$here/Read.java" $run
else
  skip jHDF 'no Maven, or it cannot be fetched'
fi
for library in hdf5r rhdf5; do
  if command -v Rscript >/dev/null && Rscript -e "library($library)" >/dev/null 2>&1; then
    reads $library Rscript "$here/read.R" $library $run
  else
    skip $library 'not installed (r-cran-hdf5r, r-bioc-rhdf5)'
  fi
done
# shellcheck disable=SC2016 # $ is R's
Rscript -e 'library(hdf5r)' >/dev/null 2>&1 &&
  writes hdf5r Rscript -e 'library(hdf5r); H5File$new("copy.h5", mode = "a")$close_all()'
Rscript -e 'library(rhdf5)' >/dev/null 2>&1 &&
  writes rhdf5 Rscript -e 'library(rhdf5); H5Fclose(H5Fopen("copy.h5"))'
exit $bad
