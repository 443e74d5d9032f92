#!/bin/sh
# A sweep through real launchers: run.sh PROGRAM DATA. What is installed is tried (apt-get install parallel
# openmpi-bin mpich slurmctld slurmd slurm-client munge), the rest said; SLURM is started for it, on this machine alone, which
# takes root. Each must make the files of a plain sweep, but for times and /environment.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
program=$(realpath "$1")
data=$(realpath "$2")
here=$(realpath "$(dirname "$0")/../..")
clusters=$here/experiments/clusters
sweep=$here/experiments/sweep.cfg
place=$(mktemp -d)
started=

# shellcheck disable=SC2317 # the trap calls it
stop_all() {
    for pid in $started; do
        kill "$pid" 2>/dev/null || :
    done
    rm -rf "$place"
}
trap stop_all EXIT

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

has() {
    command -v "$1" >/dev/null && return 0
    echo "$2: skipped: there is no $1"
    return 1
}

invproj sweep "$sweep" -o plain -q --jobs 1 2>/dev/null
invproj sweep "$sweep" -o jobs -q --jobs 2 2>/dev/null && compare jobs

if has parallel parallel; then
    sh "$clusters/parallel.sh" "$sweep" parallel -j 2 >/dev/null 2>&1
    compare parallel
    invproj sweep "$sweep" -o list --list | parallel -j 2 >/dev/null 2>&1
    invproj sweep "$sweep" -o list -q >/dev/null # which finds all of it done
    compare list
fi
for mpi in openmpi mpich; do
    if has mpirun.$mpi $mpi; then
        printf '#!/bin/sh\nexec mpirun.%s "$@"\n' $mpi >bin/mpirun # no link: MPICH finds its parts beside it
        chmod +x bin/mpirun
        oversubscribe=
        [ $mpi = mpich ] || oversubscribe=--oversubscribe
        # shellcheck disable=SC2086 # it is one word or none
        sh "$clusters/mpirun.sh" "$sweep" $mpi -np 3 $oversubscribe >$mpi.out 2>&1 || failed=1
        grep -q 'part 2/3 from' $mpi.out || failed=1
        compare $mpi
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
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
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

if has sbatch slurm && has slurmctld slurm && has munged slurm; then
    if [ "$(id -u)" != 0 ]; then
        echo 'slurm: skipped: starting it takes root'
    elif start_slurm; then
        sbatch -W --array=0-2 --output="$place/array.%a" "$clusters/slurm-array.sh" "$sweep" array >/dev/null || failed=1
        grep -q 'part 1/3 from SLURM_ARRAY_TASK_ID=1 (MIN 0 MAX 2 STEP 1)' array.1 || failed=1
        compare array
        sbatch -W --ntasks=2 --output="$place/srun.out" "$clusters/slurm-srun.sh" "$sweep" srun >/dev/null || failed=1
        grep -q 'part 1/2 from SLURM_PROCID=1' srun.out || failed=1
        compare srun
    fi
fi
echo 'Grid Engine, OpenPBS, LSF, HTCondor, Flux: not tried here'
exit $failed
