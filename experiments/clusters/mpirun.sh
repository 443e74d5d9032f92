#!/bin/sh
# A sweep by mpirun of Open MPI or MPICH, whose ranks are the parts:  sh mpirun.sh SWEEP.cfg DIR -np 3 [OPTIONS OF MPIRUN]
sweep=$1 folder=$2
shift 2
exec mpirun "$@" invproj sweep "$sweep" -o "$folder" -q --jobs 1 --keep-going # else a failed run ends all ranks
