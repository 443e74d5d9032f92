# invproj. `make help` lists what this file does. GNU make.
# SPDX-License-Identifier: GPL-3.0-or-later

# ---- what the user may set ------------------------------------------------------------------------
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
MNIST ?=
DATASET ?= mnist
FROM ?=
OUT ?= out
FLAVOUR ?=
WERROR ?=
V ?=
PKG_CONFIG ?= pkg-config
PYTHON3 ?= /usr/bin/python3

# A value as one word of the shell, whatever is in it.
quote = '$(subst ','\'',$(1))'

# ---- flavours: each has its own folder, so that none disturbs another -----------------------------
ifeq ($(filter $(FLAVOUR),asan clang-asan coverage fuzz gcc clang),)
  ifneq ($(FLAVOUR),)
    $(error FLAVOUR=$(FLAVOUR): none such; there are asan, clang-asan, coverage, fuzz, gcc, clang and, with none, the release)
  endif
endif
B := build$(FLAVOUR:%=/%)
ifneq ($(filter gcc clang%,$(FLAVOUR)),)
  CC := $(FLAVOUR:%-asan=%)
endif
ifneq ($(filter %asan,$(FLAVOUR)),)
  CFLAGS ?= -O1 -g1
  INSTRUMENT := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
  ifeq ($(FLAVOUR),clang-asan)
    INSTRUMENT += -Wno-pass-failed # what it checks it does not make fast, and a loop that asks for it is no fault
  endif
  # clang's leak sanitizer ends one program in a hundred for faults of its own where threads are ending
  # 99 is an exit code of no test; a huge request must fail as malloc's own would; no experiment in full
  TEST_ENV := ASAN_OPTIONS=exitcode=99:detect_leaks=$(if $(filter clang%,$(FLAVOUR)),0,1):allocator_may_return_null=1 \
    UBSAN_OPTIONS=exitcode=99:print_stacktrace=1 \
    CK_TIMEOUT_MULTIPLIER=8 INVPROJ_SHORT=1
else ifeq ($(FLAVOUR),fuzz)
  CC := clang
  CFLAGS ?= -O1 -g1
  INSTRUMENT := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
    -Wno-pass-failed # as above
else ifeq ($(FLAVOUR),coverage)
  CFLAGS ?= -O0 -g
  INSTRUMENT := --coverage -fprofile-update=atomic
  TEST_ENV := INVPROJ_SHORT=1
endif

# ---- packages and flags ---------------------------------------------------------------------------
# OpenBLAS first: libgsl.so itself asks for GSL's reference CBLAS, and the first library loaded wins.
# .ci/deps.sh knows their names as system packages.
PACKAGES := openblas gsl hdf5 libpng libjpeg zlib libzip libconfig jansson nettle sleef libprotobuf-c
missing = $(foreach p,$(1),$(shell $(PKG_CONFIG) --exists $p 2>/dev/null || echo $p))
pkg = $(shell $(PKG_CONFIG) $(1) 2>/dev/null)
MISSING := $(strip $(foreach c,$(CC) protoc-c,$(if $(shell command -v $c 2>/dev/null),,$c)) $(call missing,$(PACKAGES)))
CHECK_MISSING := $(strip $(call missing,check))
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(call pkg,--cflags $(PACKAGES)))
PKG_LIBS := $(filter-out -lgslcblas,$(call pkg,--libs $(PACKAGES)))

CFLAGS ?= -O3 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
  -Wpointer-arith -Wvla $(if $(WERROR),-Werror)
BASE_CFLAGS := -std=c11 -D_GNU_SOURCE -DH5_USE_110_API -Iinclude -Isrc -isystem $B/src $(PKG_CFLAGS) $(WARNINGS) -fopenmp \
  -fno-math-errno -fno-trapping-math -ffp-contract=off
ALL_CFLAGS = $(BASE_CFLAGS) -fPIC -fno-semantic-interposition $(CPPFLAGS) $(CFLAGS) $(INSTRUMENT)
ALL_LDFLAGS = -fopenmp $(INSTRUMENT) $(LDFLAGS)
LDLIBS := $(PKG_LIBS) -lm -lpthread

# ---- files ----------------------------------------------------------------------------------------
VERSION := $(shell sed -n 's/^.define INV_VERSION "\(.*\)"/\1/p' include/invproj/version.h)
# While the version begins with 0 its second number may change what the functions are: it is part of the name, so
# that a program finds the library it was linked to or none.
version_part = $(word $(1),$(subst ., ,$(VERSION)))
ABI := $(call version_part,1)$(if $(filter 0.%,$(VERSION)),.$(call version_part,2))
SONAME := libinvproj.so.$(ABI)
SOFILE := libinvproj.so.$(VERSION)

HEADERS := $(wildcard include/invproj/*.h)
EXPERIMENTS := $(wildcard experiments/*.cfg)
CLUSTERS := $(wildcard experiments/clusters/*)
# One folder a level, the lowest first; an include never points to a later one (tests/levels.sh).
LEVELS := base kernels data net learn optimise inverse generator measure show format experiment report cli
CLI_SRC := $(wildcard src/report/*.c src/cli/*.c)
LIB_SRC := $(filter-out $(CLI_SRC),$(wildcard src/*/*.c src/net/layers/*.c))
TEST_SRC := $(filter-out tests/example.c,$(wildcard tests/*.c $(LEVELS:%=tests/%/*.c)))
C_FILES := $(LIB_SRC) $(CLI_SRC) $(wildcard tests/*.c tests/*/*.c)
H_FILES := $(HEADERS) $(wildcard src/*/*.h tests/*.h tests/*/*.h)
# Readers of protobuf messages, which protoc-c writes.
PROTO := $(wildcard src/*/*.proto)
PROTO_C := $(PROTO:%.proto=$B/%.pb-c.c)
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o) $(PROTO_C:.c=.o)
CLI_OBJ := $(CLI_SRC:%.c=$B/%.o)
TEST_OBJ := $(TEST_SRC:%.c=$B/%.o)
BENCH_OBJ := $(patsubst %.c,$B/%.o,$(wildcard tests/bench/*.c))
MADE := $B/libinvproj.a $B/libinvproj.so $B/invproj $B/invproj.1 $B/invproj.pc \
  $(addprefix $B/completion.,bash zsh fish)

# ---- building -------------------------------------------------------------------------------------
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' '$(1)' '$(2)')
# As many jobs as processors, where the user has not said how many.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))
SUBMAKE = $(MAKE) --no-print-directory $(PARALLEL)

.DELETE_ON_ERROR:
.PHONY: all reproduce check deps deps-lint data install uninstall format format-check lint coverage bench bench-kernels bench-onnx \
  bench-scale bench-torch clean help missing missing-check check-programs run-check check-clusters check-kills fuzz fuzz-programs check-readers check-interop check-report picture torture run-torture mutate

all: $(MADE) ## build the program, the library (.a and .so), the man page, completions, invproj.pc
	@:

ifneq ($(MISSING),)
$(LIB_OBJ) $(CLI_OBJ) $(TEST_OBJ): missing
missing:
	@echo 'invproj: missing: $(MISSING); `make deps` installs what is not there' >&2; exit 1
endif
ifneq ($(CHECK_MISSING),)
$(TEST_OBJ): missing-check
missing-check:
	@echo 'invproj: missing: check; `make deps` installs what is not there' >&2; exit 1
endif

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$Q$(CC) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

$B/%.pb-c.c $B/%.pb-c.h: %.proto Makefile
	@mkdir -p $(@D)
	$(call say,PROT,$<)
	$Qprotoc-c --c_out=$B/src -Isrc $<

$(PROTO_C:.c=.o): $B/%.o: $B/%.c
	$(call say,CC,$<)
	$Q$(CC) $(ALL_CFLAGS) -w -MMD -MP -c -o $@ $<

# Before the compiler has said what includes it.
$(PROTO:%.proto=$B/%.o): | $(PROTO_C:.c=.h)

# One source for each instruction set; the program chooses when it runs. ISO C would forbid a * b + c in one step.
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine 2>/dev/null)),)
$B/src/kernels/kernels_avx2.o: EXTRA := -mavx2 -mfma -ffp-contract=fast
$B/src/kernels/kernels_avx512.o: EXTRA := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -ffp-contract=fast \
  -mprefer-vector-width=512
TILES := $(shell $(CC) -mamx-tile -mamx-bf16 -fsyntax-only -x c /dev/null 2>/dev/null && echo -mamx-tile -mamx-bf16 -DINV_HAS_TILES)
$B/src/kernels/kernels_amx.o: EXTRA := $(if $(TILES),$(TILES) -mavx512f -mavx512bw -mprefer-vector-width=512)
endif
ifeq ($(FLAVOUR),clang-asan)
# Where clang looks for undefined behaviour too it takes minutes over each.
$(filter $B/src/kernels/kernels_%,$(LIB_OBJ)): EXTRA += -fno-sanitize=undefined
else ifeq ($(FLAVOUR),fuzz)
$(filter $B/src/kernels/kernels_%,$(LIB_OBJ)): EXTRA += -fno-sanitize=all
endif

$B/libinvproj.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$Qrm -f $@ && $(AR) rcs $@ $^

$B/$(SOFILE): $(LIB_OBJ)
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,$(SONAME)$(if $(INSTRUMENT),, -Wl,-z,defs) -o $@ $^ $(LDLIBS)

$B/libinvproj.so: $B/$(SOFILE)
	$Qln -sf $(SOFILE) $B/$(SONAME) && ln -sf $(SONAME) $@

$B/invproj: $(CLI_OBJ) $B/libinvproj.a
$B/check: EXTRA_LIBS := $(call pkg,--libs check)
# The suites use the program from outside, and of its files those that start its process for strangers' files
# and those that are functions of an environment.
$B/check: $(TEST_OBJ) $(addprefix $B/src/cli/,reader.o part.o processors.o) $B/libinvproj.a
$B/example: $B/tests/example.o $B/libinvproj.a
$B/bench: $(BENCH_OBJ) $B/libinvproj.a
$B/invproj $B/check $B/example $B/bench:
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(EXTRA_LIBS) $(LDLIBS)

# What the page is made of is taken into the program as it stands.
$B/src/report/files.o: $(filter-out %.c %.h %.md,$(wildcard src/report/*))

# One program for each kind of bytes that strangers may send (FLAVOUR=fuzz).
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OBJ := $(patsubst %.c,$B/%.o,$(wildcard tests/fuzz/*.c))
.PRECIOUS: $(FUZZ_OBJ)
$B/fuzz_%: $B/tests/fuzz/fuzz_%.o $B/tests/fuzz/input.o $B/libinvproj.a
	$(call say,LD,$@)
	$Q$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

$(TEST_OBJ): EXTRA := -Itests $(call pkg,--cflags check)

$B/torture.so: tests/torture/torture.c tests/torture/serve.h Makefile
	$(call say,LD,$@)
	$Q$(CC) $(ALL_CFLAGS) -shared -o $@ $< -ldl

$B/invproj.1: $B/invproj
	$Q$B/invproj help --man >$@

$B/completion.%: $B/invproj
	$Q$B/invproj help --completion $* >$@

# Folders stand in double quotes there; and sed has letters of its own.
pc_text = $(subst ",\",$(subst \,\\,$(1)))
sed_text = $(subst |,\|,$(subst &,\&,$(subst \,\\,$(1))))
PC = sed -e $(call quote,s|@PREFIX@|$(call sed_text,$(call pc_text,$(PREFIX)))|) \
  -e $(call quote,s|@LIBDIR@|$(call sed_text,$(call pc_text,$(LIBDIR)))|) -e 's|@VERSION@|$(VERSION)|' \
  -e 's|@PACKAGES@|$(filter-out openblas,$(PACKAGES))|' -e 's|@OPENBLAS@|$(call pkg,--libs openblas)|'
$B/invproj.pc: src/invproj.pc.in include/invproj/version.h Makefile
	@mkdir -p $(@D)
	$Q$(PC) $< >$@

-include $(patsubst %.o,%.d,$(LIB_OBJ) $(CLI_OBJ) $(TEST_OBJ) $B/tests/example.o $(BENCH_OBJ) $(FUZZ_OBJ))

# ---- the experiment -------------------------------------------------------------------------------
FETCH = MNIST=$(call quote,$(MNIST)) sh data/fetch.sh data/mnist
PICTURES := originals.png projections.png generated.png features.png report.html

# A run that was stopped goes on. The program takes the shell's place, so that signals reach it.
reproduce: ## everything: packages, program, MNIST, the experiment, its pictures in out/r2rt
	@sh .ci/deps.sh build
	+@$(SUBMAKE) all
	@name=r2rt; out=$(call quote,$(OUT)); \
	is_done() { for file in run.h5 $(PICTURES); do [ -e "$$out/$$name/$$file" ] || return 1; done; }; \
	if ! is_done; then \
	  $(FETCH); code=$$?; \
	  [ $$code -lt 128 ] || exit $$code; \
	  if [ $$code -ne 0 ]; then \
	    [ -z $(call quote,$(MNIST)) ] || exit 1; \
	    name=fashion-r2rt; \
	    echo 'MNIST could not be had, so this is Fashion-MNIST instead: clothes, not digits.'; \
	  fi; \
	fi; \
	if is_done; then \
	  echo "The pictures, run.h5 and the page report.html are in $$out/$$name already (remove it, or give OUT=FOLDER, to run again)."; \
	else \
	  echo "The pictures, run.h5 and a page to look at, report.html, go into $$out/$$name."; \
	  exec $B/invproj run experiments/$$name.cfg --resume -o "$$out/$$name"; \
	fi

data: ## fetch MNIST, or DATASET=fashion|kmnist|qmnist|emnist-letters, into data/DATASET (FROM=FOLDER takes it from there)
	@FROM='$(FROM)' MNIST='$(MNIST)' sh data/fetch.sh 'data/$(DATASET)' '$(DATASET)'

deps: ## install the packages that are missing for building and testing
	@sh .ci/deps.sh build test

deps-lint: ## install the tools of `make lint`, `make format` and FLAVOUR=clang
	@sh .ci/deps.sh lint

# ---- tests and checks -----------------------------------------------------------------------------
MNIST_FOUND := $(patsubst %/,%,$(dir $(firstword \
  $(wildcard $(addsuffix /train-images-idx3-ubyte.gz,data/mnist ../shared/data/mnist)))))
FASHION_FOUND := $(wildcard /usr/share/datasets/fashion-mnist)
# The Python that makes what people bring; one named in the environment goes before it.
PYTHON_FOUND := $(if $(INVPROJ_PYTHON),,$(shell command -v $(PYTHON3) 2>/dev/null))
TEST_ENV += INVPROJ=$B/invproj INVPROJ_EXAMPLE=$B/example INVPROJ_TORTURE=$B/torture.so \
  $(MNIST_FOUND:%=INVPROJ_MNIST=%) $(FASHION_FOUND:%=INVPROJ_FASHION_MNIST=%) \
  $(PYTHON_FOUND:%=INVPROJ_PYTHON=%)

check-programs: all $B/check $B/example $B/torture.so

# Suites side by side, those that take long first: most keep one processor busy.
SUITES := $(shell sed -n 's/^    X(\([a-z_]*\)).*/\1/p' tests/suites.h)
LONG_SUITES := survive cases layer window cli_bad kernels
# Under the sanitizers two are left out, which wait for a bar and for signals through long trainings.
ifneq ($(filter %asan,$(FLAVOUR)),)
  SUITES := $(filter-out cli_terminal cli_signals,$(SUITES))
endif
all_of = pids=; for part in $(1); do { $(2); } & pids="$$pids $$!"; done; bad=0; \
  for pid in $$pids; do wait $$pid || bad=1; done; [ $$bad = 0 ]

# First the layers with the loops that any processor runs.
run-check: check-programs
	@sh tests/levels.sh $(LEVELS)
	@sh tests/comments.sh
	@$(if $(FLAVOUR),true,$(TEST_ENV) INVPROJ_KERNELS=plain $B/check layer)
	@$(TEST_ENV) sh tests/suites.sh $B/check $(LONG_SUITES) $(filter-out $(LONG_SUITES),$(SUITES))

check: ## build and run all tests (FLAVOUR=asan, clang-asan: under the sanitizers)
	@sh .ci/deps.sh build test
	+@$(SUBMAKE) run-check

# Each case of the suite in a process of its own, the damaged files in two.
MUTANTS ?= 10000
survive = INVPROJ_TORTURE_LONG=1 INVPROJ_MUTANTS=$(MUTANTS) INVPROJ_MUTANTS_PART=$(2) CK_RUN_CASE=$(1) \
  $(TEST_ENV) $B/check survive

run-torture: check-programs
ifneq ($(filter %asan,$(FLAVOUR)),)
	@$(call all_of,0/2 1/2,$(call survive,damaged,$$part))
else
	@$(call all_of,killed failed memory others,$(call survive,$$part,))
endif

torture: ## kill, starve, crowd and damage runs, thousands of times: half an hour
	@sh .ci/deps.sh build test
	+@$(SUBMAKE) run-torture
	+@$(SUBMAKE) run-torture FLAVOUR=asan

fuzz-programs: $(FUZZERS:%=$B/fuzz_%)

SECONDS ?= 60
fuzz: ## give every reader any bytes, for SECONDS=60 each (ONLY=NAME: one of tests/fuzz/fuzz_NAME.c)
	@sh .ci/deps.sh build fuzz
	+@sh tests/fuzz/run.sh --can || exit 0; $(SUBMAKE) fuzz-programs FLAVOUR=fuzz && \
	  sh tests/fuzz/run.sh build/fuzz '$(SECONDS)' $(or $(ONLY),$(FUZZERS))

check-readers: all ## read a run file with other programs, fetched into build/readers; see tests/readers/README.md
	@sh tests/readers/run.sh $B/invproj $B/readers

check-interop: all ## nets to and from Keras, PyTorch, ONNX Runtime, fetched into build/interop; see tests/interop/check.py
	@sh tests/interop/run.sh $B/invproj $B/interop

check-report: all ## look at pages of runs with Chromium and Firefox, where they must do what they are to do; see tests/browser/check.py
	@sh .ci/deps.sh browser
	@$(PYTHON3) -B tests/browser/check.py $B/invproj $B/report; code=$$?; [ $$code = 77 ] || exit $$code

picture: all ## take the README's picture with Chromium, from a page of RUN=out/r2rt/run.h5
	@sh .ci/deps.sh browser
	@$(PYTHON3) -B tests/browser/picture.py $B/invproj '$(or $(RUN),out/r2rt/run.h5)' experiments/pictures/page.png; \
	  code=$$?; [ $$code = 77 ] || exit $$code

check-clusters: all ## run a sweep by GNU parallel, Open MPI, MPICH, SLURM and Grid Engine, those installed, against a plain one (ONLY=slurm: one)
	@sh tests/clusters/run.sh $B/invproj '$(or $(MNIST_FOUND),data/mnist)' $(ONLY)

RUNS ?= 1000
check-kills: all ## run RUNS=1000 tiny runs of a sweep under random signals, of which none may be lost
	@$(PYTHON3) -B tests/clusters/kills.py $B/invproj $(RUNS)

mutate: $(PROTO_C) ## change the product in COUNT=10 small ways and see whether the tests notice; hours for 100
	@sh .ci/deps.sh build test
	@CC='$(CC)' ALL_CFLAGS='$(ALL_CFLAGS)' SEED='$(SEED)' FROM='$(FROM)' COUNT='$(COUNT)' JOBS='$(JOBS)' QUICK='$(QUICK)' \
	  $(PYTHON3) -B tests/mutate/mutate.py build/mutate

bench: all $B/bench ## time each phase of the experiment beside its dense products; AGAINST=COMMIT: commands beside that commit's
	@$(if $(AGAINST),$(PYTHON3) tests/bench/against_bench.py $B '$(AGAINST)' '$(MNIST_FOUND)' '$(FASHION_FOUND)', \
	  $B/bench $B/invproj '$(or $(MNIST_FOUND),data/mnist)' $B/bench.json)

bench-kernels: $B/bench ## time products and convolutions beside sgemm, one thread, in GFLOP/s
	@$B/bench --kernels

bench-scale: all ## time steps of training as images, units, channels and classes grow, into build/bench-scale.json
	@$(PYTHON3) tests/bench/scale_bench.py $B '$(MNIST_FOUND)'

bench-onnx: all $B/bench ## classify 10,000 images in onnxruntime and here, in turn, into build/bench-onnx.json
	@[ -x $B/bench-onnx/bin/python ] || $(PYTHON3) -m venv $B/bench-onnx || exit; \
	$B/bench-onnx/bin/python -m pip install -q -r tests/bench/requirements.txt || exit; \
	$B/bench-onnx/bin/python tests/bench/onnx_bench.py $B '$(MNIST_FOUND)'

bench-torch: all $B/bench ## the experiments' work in PyTorch and here, in turn, into build/bench-torch.json (TORCH=PYTHON: by one that has it)
	@python='$(TORCH)'; [ "$$python" ] || { python=$B/bench-torch/bin/python; \
	[ -x $$python ] || $(PYTHON3) -m venv $B/bench-torch || exit; \
	$$python -m pip install -q -r tests/bench/requirements-torch.txt || exit; }; \
	$$python tests/bench/torch_bench.py $B '$(MNIST_FOUND)' '$(FASHION_FOUND)'

coverage: ## run the tests and tell how many lines of each source file they reach
	@rm -rf build/coverage
	+@$(SUBMAKE) check FLAVOUR=coverage
	@gcov -n $(LIB_SRC:%.c=build/coverage/%.o) $(CLI_SRC:%.c=build/coverage/%.o) 2>/dev/null | \
	  awk -F "'" '/^File/ { f = $$2 } /^Lines/ && f ~ /^src/ { sub("Lines executed:", ""); print f, $$0; f = "" }' | sort

format: ## lay out the sources as .clang-format says
	@sh .ci/deps.sh lint
	clang-format -i $(C_FILES) $(H_FILES)

format-check: ## fail if `make format` would change anything
	@sh .ci/deps.sh lint
	$(call say,FMT,$(words $(C_FILES) $(H_FILES)) files)
	$Qclang-format --dry-run --Werror $(C_FILES) $(H_FILES)

# The analyser takes most of the time, and is for what users run. How many states of a function it walks through decides
# how long: its own 225000 take three times as long and find nothing more here.
LINT_NODES ?= 50000
lint: format-check $(PROTO_C) ## clang-tidy, cppcheck and shellcheck; a warning is an error
	$(call say,TIDY,$(words $(C_FILES)) files)
	$Qprintf '%s\n' $(filter-out src/kernels/kernels_a% tests/torture/%,$(C_FILES)) | xargs -n 1 -P $$(nproc) sh -c \
	  'case $$0 in src/*) checks=;; *) checks=--checks=-clang-analyzer-*;; esac; \
	  found=$$(clang-tidy --quiet $$checks "$$0" -- $(BASE_CFLAGS) -Itests -Xclang -analyzer-config -Xclang max-nodes=$(LINT_NODES) 2>&1); bad=$$?; \
	  echo "$$found" | grep -v "^$$\|warnings\? generated"; exit $$bad'
	$(call say,CPPC,$(words $(C_FILES)) files)
	$Qcppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	  --std=c11 -D_GNU_SOURCE -DH5_USE_110_API -Iinclude -Isrc -Itests -j $$(nproc) $(C_FILES)
	shellcheck data/fetch.sh tests/fuzz/run.sh tests/interop/run.sh tests/readers/run.sh .ci/deps.sh .ci/in-debian .ci/run tests/levels.sh tests/comments.sh tests/suites.sh tests/clusters/run.sh experiments/clusters/*.sh

# ---- installing -----------------------------------------------------------------------------------
D = $(call quote,$(DESTDIR)$(PREFIX))
DL = $(call quote,$(DESTDIR)$(LIBDIR))
COMPLETIONS := bash-completion/completions/invproj zsh/site-functions/_invproj fish/vendor_completions.d/invproj.fish

install: all ## install under PREFIX (default /usr/local), below DESTDIR
	install -d $D/bin $(DL)/pkgconfig $D/include/invproj $D/share/man/man1 $D/share/invproj/experiments/clusters
	install $B/invproj $D/bin/
	install -m 644 $B/libinvproj.a $(DL)/
	install $B/$(SOFILE) $(DL)/
	ln -sf $(SOFILE) $(DL)/$(SONAME)
	ln -sf $(SONAME) $(DL)/libinvproj.so
	$(PC) src/invproj.pc.in >$(DL)/pkgconfig/invproj.pc
	install -m 644 $(HEADERS) $D/include/invproj/
	install -m 644 $B/invproj.1 $D/share/man/man1/
	install -m 644 $(EXPERIMENTS) $D/share/invproj/experiments/
	install -m 644 $(CLUSTERS) $D/share/invproj/experiments/clusters/
	install -d $(foreach c,$(COMPLETIONS),$D/share/$(dir $c))
	install -m 644 $B/completion.bash $D/share/bash-completion/completions/invproj
	install -m 644 $B/completion.zsh $D/share/zsh/site-functions/_invproj
	install -m 644 $B/completion.fish $D/share/fish/vendor_completions.d/invproj.fish
	[ -n $(call quote,$(DESTDIR)) ] || ldconfig || :

uninstall: ## remove what `make install` put there
	rm -f $D/bin/invproj $(DL)/libinvproj.a $(DL)/$(SOFILE) $(DL)/$(SONAME) $(DL)/libinvproj.so \
	  $(DL)/pkgconfig/invproj.pc $D/share/man/man1/invproj.1 \
	  $(HEADERS:%=$D/%) $(EXPERIMENTS:%=$D/share/invproj/%) $(CLUSTERS:%=$D/share/invproj/%) $(COMPLETIONS:%=$D/share/%)
	rmdir $D/include/invproj $D/share/invproj/experiments/clusters $D/share/invproj/experiments $D/share/invproj 2>/dev/null || :

clean: ## remove build/ (data/ and out/ stay)
	rm -rf build

help: ## this list
	@echo 'make TARGET [FLAVOUR=asan|clang-asan|coverage|fuzz|gcc|clang] [WERROR=1] [V=1]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
