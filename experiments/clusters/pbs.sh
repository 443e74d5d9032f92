#!/bin/sh
# A sweep as an OpenPBS array of ten tasks (untried):  qsub -v SWEEP=SWEEP.cfg,FOLDER=DIR pbs.sh
#PBS -J 0-9
#PBS -l select=1:ncpus=1
cd "$PBS_O_WORKDIR" || exit 1
exec invproj sweep "$SWEEP" -o "$FOLDER" -q --part "$PBS_ARRAY_INDEX/10" # nothing tells how many: the 10 is that of -J
