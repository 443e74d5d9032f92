#!/bin/sh
# A sweep through real launchers: run.sh PROGRAM DATA [ONE OF parallel, openmpi, mpich, slurm, engine]. What is installed is tried (apt-get install parallel
# openmpi-bin mpich slurmctld slurmd slurm-client munge gridengine-master gridengine-exec gridengine-client), the rest said;
# SLURM and Grid Engine are started for it, on this machine alone, which takes root. Each must make the files of a
# plain sweep, but for times and /environment, also where it was told to stop in the middle and begun again.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
program=$(realpath "$1")
data=$(realpath "$2")
only=${3:-}
here=$(realpath "$(dirname "$0")/../..")
clusters=$here/experiments/clusters
place=$(mktemp -d)
sweep=$place/sweep.cfg
started=

# shellcheck disable=SC2317 # the trap calls it
stop_all() {
    for pid in $started; do
        kill "$pid" 2>/dev/null || :
    done
    for pid in $started; do
        wait "$pid" 2>/dev/null || : # they write into the place until they have ended
    done
    rm -rf "$place"
}
trap stop_all EXIT
trap 'exit 1' INT TERM

# The job scripts call invproj without options: it has the data, and is the program.
mkdir "$place/bin"
cat >"$place/bin/invproj" <<EOF
#!/bin/sh
exec "$program" "\$@" --data "$data"
EOF
chmod +x "$place/bin/invproj"
PATH=$place/bin:$PATH
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PATH OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
cd "$place"

failed=0
# NAME: what became of it, beside the plain sweep.
compare() {
    if ! "$program" sweep --check "$1" >/dev/null; then
        failed=1
        return
    fi
    for file in plain/*.h5; do
        if ! h5diff --exclude-path /environment "$file" "$1/${file#plain/}" | awk '
            /^(dataset|attribute|group): / { what = $0; next }
            /differences? found/ && what !~ /history\/seconds|<created / { print what; bad = 1 }
            END { exit bad }'; then
            echo "$1: $file differs"
            failed=1
            return
        fi
    done
    echo "$1: $(find "$1" -name '*.h5' | wc -l) runs, as those of a plain sweep"
}

# FILE TEXT: the file must have it.
must_say() {
    grep -q "$2" "$1" && return 0
    echo "$1 does not say: $2"
    sed 's/^/    /' "$1"
    failed=1
}

must_not_say() {
    grep "$2" "$1" || return 0
    failed=1
}

# DIR: waits for a run that has begun, and been saved.
await_run() {
    for _ in $(seq 600); do
        [ -z "$(find "$1" -name '*.part' 2>/dev/null)" ] || return 0
        sleep 0.1
    done
}

# DIR: what was stopped is whole when the rest is done.
resume() {
    echo "$1: stopped with $("$program" sweep --check "$1" 2>/dev/null)"
    find "$1" -name '*.failed' | grep . && failed=1
    invproj sweep "$sweep" -o "$1" --part 0/1 -q >/dev/null 2>&1 || failed=1
    compare "$1"
}

# LAUNCHER COMMAND: whether it is to be tried, and can be.
wanted() {
    [ -z "$only" ] || [ "$only" = "$1" ] || return 1
    has "$2" "$1"
}

has() {
    command -v "$1" >/dev/null && return 0
    echo "$2: skipped: there is no $1"
    return 1
}

# Four runs of two seconds each: long enough to be stopped in the middle.
cat >"$sweep" <<EOF
experiment = "$here/experiments/r2rt.cfg";
set = [ "training.steps=200", "inverse.steps=100", "generate.steps=200" ];
grid = ( { key = "training.optimiser.rate"; values = [ 0.01, 0.03 ]; }, { key = "seed"; from = 1; to = 2; } );
EOF
invproj sweep "$sweep" -o plain -q --jobs 1 2>/dev/null
invproj sweep "$sweep" -o jobs -q --jobs 2 2>/dev/null && compare jobs

if wanted parallel parallel; then
    sh "$clusters/parallel.sh" "$sweep" parallel -j 2 >/dev/null 2>&1
    compare parallel
    invproj sweep "$sweep" -o list --list | parallel -j 2 >/dev/null 2>&1
    invproj sweep "$sweep" -o list -q >/dev/null # which finds all of it done
    compare list
    # it sends TERM three times within 0.3 s, and then kills
    seq 0 3 | parallel -j 2 invproj sweep "$sweep" -o stopped -q --jobs 1 --part '{}/4' >/dev/null 2>&1 &
    last=$!
    await_run stopped
    kill -TERM "$last"
    wait "$last" || :
    sleep 1
    resume stopped
fi

# Half of it fails: the others go on, and no launcher takes that for a reason to end them.
cat >half.cfg <<EOF
experiment = "$here/experiments/r2rt.cfg";
set = [ "training.steps=20", "inverse.steps=10", "inverse.confidence=0.0", "generate.steps=10" ];
grid = ( { key = "seed"; from = 1; to = 2; }, { key = "training.batch"; values = [ 1000, 1000000 ]; } );
EOF
for mpi in openmpi mpich; do
    if wanted $mpi mpirun.$mpi; then
        printf '#!/bin/sh\nexec mpirun.%s "$@"\n' $mpi >bin/mpirun # no link: MPICH finds its parts beside it
        chmod +x bin/mpirun
        oversubscribe=
        [ $mpi = mpich ] || oversubscribe=--oversubscribe
        # shellcheck disable=SC2086 # it is one word or none
        sh "$clusters/mpirun.sh" "$sweep" $mpi -np 3 $oversubscribe >$mpi.out 2>&1 || failed=1
        grep -q 'part 2/3 from' $mpi.out || failed=1
        compare $mpi
        # shellcheck disable=SC2086 # likewise
        mpirun -np 3 $oversubscribe invproj sweep half.cfg -o $mpi-half -q --keep-going >/dev/null 2>&1 ||
            { echo "$mpi: failed runs end the launcher"; failed=1; }
        "$program" sweep --check $mpi-half 2>/dev/null >$mpi-half.out || :
        must_say $mpi-half.out '^2 of 4 done, 0 begun, 2 failed'
    fi
done

# ---- SLURM, on this machine alone ----

start_slurm() {
    mkdir -p slurm/state slurm/spool
    dd if=/dev/urandom of=slurm/key bs=128 count=1 2>/dev/null
    chmod 700 slurm
    chmod 600 slurm/key
    munged --force --foreground --key-file "$place/slurm/key" --socket "$place/slurm/munge" \
        --pid-file "$place/slurm/munged.pid" --log-file "$place/slurm/munged.log" \
        --seed-file "$place/slurm/seed" >/dev/null 2>&1 &
    started="$started $!"
    cpus=$(nproc) # as SLURM is told: three tasks must have room side by side
    [ "$cpus" -ge 3 ] || cpus=3
    cat >slurm/slurm.conf <<EOF
ClusterName=one
SlurmctldHost=$(hostname)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$place/slurm/munge
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$place/slurm/state
SlurmdSpoolDir=$place/slurm/spool
SlurmctldPidFile=$place/slurm/slurmctld.pid
SlurmdPidFile=$place/slurm/slurmd.pid
SlurmctldLogFile=$place/slurm/slurmctld.log
SlurmdLogFile=$place/slurm/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ReturnToService=2
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
EOF
    SLURM_CONF=$place/slurm/slurm.conf
    export SLURM_CONF
    sleep 1
    slurmctld -D -i >/dev/null 2>&1 &
    started="$started $!"
    slurmd -D >/dev/null 2>&1 &
    started="$started $!"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        sinfo -h -o %T 2>/dev/null | grep -q idle && return 0
        sleep 1
    done
    echo "slurm: skipped: it does not start here: $(tail -1 slurm/slurmctld.log 2>/dev/null)"
    return 1
}

wait_for_queue() {
    for _ in $(seq 600); do
        [ -n "$(squeue -h 2>/dev/null)" ] || return 0
        sleep 0.5
    done
    echo 'slurm: jobs do not end'
    failed=1
}

if wanted slurm sbatch && has slurmctld slurm && has munged slurm; then
    if [ "$(id -u)" != 0 ]; then
        echo 'slurm: skipped: starting it takes root'
    elif start_slurm; then
        sbatch -W --array=0-2 --output="$place/array.%a" "$clusters/slurm-array.sh" "$sweep" array >/dev/null || failed=1
        grep -q 'part 1/3 from SLURM_ARRAY_TASK_ID=1 (MIN 0 MAX 2 STEP 1)' array.1 || failed=1
        compare array
        sbatch -W --ntasks=3 --output="$place/srun.out" "$clusters/slurm-srun.sh" "$sweep" srun >/dev/null || failed=1
        grep -q 'part 2/3 from SLURM_PROCID=2' srun.out || failed=1
        compare srun
        # an index that the shell left empty makes no array: one job, which does all
        sbatch -W --array= --output="$place/empty.out" "$clusters/slurm-array.sh" "$sweep" empty >/dev/null || failed=1
        must_not_say empty.out 'part '
        compare empty
        # the surroundings make an array, as large as they say
        SBATCH_ARRAY_INX=0-1 sbatch -W --output="$place/inx.%a" "$clusters/slurm-array.sh" "$sweep" inx >/dev/null || failed=1
        must_say inx.1 'part 1/2 from SLURM_ARRAY_TASK_ID=1 (MIN 0 MAX 1 STEP 1)'
        compare inx
        if sbatch --array=0-1001 --wrap true >/dev/null 2>&1; then
            echo 'slurm: takes an array of more than MaxArraySize'
            failed=1
        fi
        # nothing is handed down to the script, and by it all to the step
        printf '#!/bin/sh\nPATH=%s\nOMP_NUM_THREADS=1\nexport PATH OMP_NUM_THREADS\nexec sh %s/slurm-srun.sh "$@"\n' \
            "$PATH" "$clusters" >bare
        sbatch -W --export=NONE --ntasks=2 --output="$place/bare.out" bare "$sweep" bare-srun >/dev/null || failed=1
        must_say bare.out 'part 1/2 from SLURM_PROCID=1'
        compare bare-srun
        # mpirun takes as many tasks as the allocation has
        for mpi in openmpi mpich; do
            has mpirun.$mpi $mpi || continue
            printf '#!/bin/sh\nexec mpirun.%s "$@"\n' $mpi >bin/mpirun
            chmod +x bin/mpirun
            sbatch -W --ntasks=2 --output="$place/within-$mpi.out" "$clusters/mpirun.sh" "$sweep" within-$mpi >/dev/null || failed=1
            must_say within-$mpi.out 'part 1/2 from'
            compare within-$mpi
        done
        # of the tasks' exit codes it is the highest: one of two parts failed
        code=0
        sbatch -W --array=0-1 --output="$place/half.%a" "$clusters/slurm-array.sh" half.cfg half >/dev/null || code=$?
        [ $code = 1 ] || { echo "slurm: half of it failed, exit $code"; failed=1; }
        must_say half.1 '2 of 2 runs have failed'
        # some tasks again: their part cannot be told
        sbatch -W --array=0,2 --output="$place/again.%a" "$clusters/slurm-array.sh" "$sweep" array >/dev/null || :
        must_say again.2 'a list or an array with holes'
        sbatch -W --array=1 --output="$place/again.%a" "$clusters/slurm-array.sh" "$sweep" array >/dev/null || :
        must_say again.1 'was begun in 3 parts, and this is 0/1'
        # a job that is submitted from a task has the array's variables, and is none of its tasks
        printf '#!/bin/sh\nsbatch --ntasks=1 --output=%s/inherited.out %s/slurm-srun.sh "$@"\n' "$place" "$clusters" >submit
        sbatch -W --array=0-1 --output="$place/submit.%a" submit "$sweep" inherited >/dev/null || :
        wait_for_queue
        must_say inherited.out 'is no task of an array'
        [ ! -e inherited ] || { echo 'inherited: began'; failed=1; }
        # likewise one that is submitted from a step
        printf '#!/bin/sh\nexec invproj sweep "$@" -q\n' >alone
        cat >submit <<EOF
#!/bin/sh
srun sh -c '[ \$SLURM_PROCID = 0 ] || exec sbatch --ntasks=1 --output=$place/from-step.out alone $sweep -o from-step'
EOF
        sbatch -W --ntasks=2 --output="$place/submit.step" submit >/dev/null || :
        wait_for_queue
        must_say from-step.out 'has no such step'
        [ ! -e from-step ] || { echo 'from-step: began'; failed=1; }
        # the script is the program: it is warned, and saves
        sbatch --array=0-1 --output="$place/cancelled.%a" "$clusters/slurm-array.sh" "$sweep" cancelled >/dev/null
        await_run cancelled
        scancel --user="$(id -un)"
        wait_for_queue
        resume cancelled
    fi
fi

# ---- Grid Engine, on this machine alone ----

start_grid_engine() {
    grid=$place/grid
    defaults=/usr/share/gridengine
    SGE_ROOT=$grid SGE_CELL=one SGE_QMASTER_PORT=16444 SGE_EXECD_PORT=16445 SGE_ND=1
    export SGE_ROOT SGE_CELL SGE_QMASTER_PORT SGE_EXECD_PORT SGE_ND
    mkdir -p "$grid/one/common" "$grid/spool/db" "$grid/spool/qmaster" "$grid/spool/exec"
    for part in bin lib util utilbin; do
        ln -s /var/lib/gridengine/$part "$grid/$part"
    done
    cat >"$grid/one/common/bootstrap" <<EOF
admin_user none
default_domain none
ignore_fqdn false
spooling_method berkeleydb
spooling_lib libspoolb
spooling_params $grid/spool/db
binary_path /usr/sbin
qmaster_spool_dir $grid/spool/qmaster
security_mode none
listener_threads 2
worker_threads 2
scheduler_threads 1
EOF
    hostname >"$grid/one/common/act_qmaster"
    echo "$(hostname) localhost" >"$grid/one/common/host_aliases"
    sed "s|^execd_spool_dir.*|execd_spool_dir $grid/spool/exec|; s|^\(min_[ug]id\).*|\1 0|; s|^login_shells.*|login_shells none|" \
        $defaults/default-configuration >"$grid/configuration"
    {
        /usr/lib/gridengine/spoolinit berkeleydb libspoolb "$grid/spool/db" init &&
            /usr/lib/gridengine/spooldefaults configuration "$grid/configuration" &&
            /usr/lib/gridengine/spooldefaults complexes $defaults/util/resources/centry &&
            /usr/lib/gridengine/spooldefaults usersets $defaults/util/resources/usersets &&
            /usr/lib/gridengine/spooldefaults managers "$(id -un)"
    } >"$grid/log" 2>&1 || return 1
    sge_qmaster >>"$grid/log" 2>&1 &
    started="$started $!"
    for _ in $(seq 30); do
        sleep 1
        qconf -sh >/dev/null 2>&1 && break
    done
    qconf -as "$(hostname)" >>"$grid/log" 2>&1
    sge_execd >>"$grid/log" 2>&1 &
    started="$started $!"
    for _ in $(seq 30); do
        sleep 1
        qconf -sel 2>/dev/null | grep -q . && break
    done
    qconf -sq | sed "s/^qname.*/qname all.q/; s/^hostlist.*/hostlist $(hostname)/; s/^slots.*/slots 2/; s/^pe_list.*/pe_list NONE/; s/^load_thresholds.*/load_thresholds NONE/; s/^notify.*/notify 00:00:10/" \
        >"$grid/queue"
    qconf -Aq "$grid/queue" >>"$grid/log" 2>&1
}

if wanted engine qsub && has sge_qmaster 'Grid Engine' && has sge_execd 'Grid Engine'; then
    if [ "$(id -u)" != 0 ]; then
        echo 'Grid Engine: skipped: starting it takes root'
    elif start_grid_engine; then
        # shellcheck disable=SC2016 # Grid Engine's own variable
        timeout 600 qsub -sync y -t 1-5:2 -v PATH="$PATH" -j y -o "$place/"'grid.$TASK_ID' "$clusters/grid-engine.sh" "$sweep" engine >/dev/null || failed=1
        must_say grid.3 'part 1/3 from SGE_TASK_ID=3 (MIN 1 MAX 5 STEP 2)'
        compare engine
        # shellcheck disable=SC2016 # likewise
        qsub -terse -t 1-2 -v PATH="$PATH" -j y -o "$place/"'deleted.$TASK_ID' "$clusters/grid-engine.sh" "$sweep" deleted >job
        await_run deleted
        qdel "$(sed 's/[.].*//' job)" >/dev/null
        for _ in $(seq 600); do
            [ -n "$(qstat 2>/dev/null)" ] || break
            sleep 0.5
        done
        resume deleted
    else
        echo "Grid Engine: skipped: it does not start here: $(tail -1 "$place/grid/log")"
    fi
fi
echo 'OpenPBS, LSF, HTCondor, Flux: not tried here'
exit $failed
