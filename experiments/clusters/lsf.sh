#!/bin/sh
# A sweep as an LSF array of ten tasks (untried):  bsub -J 'sweep[1-10]' sh lsf.sh SWEEP.cfg DIR
exec invproj sweep "$1" -o "$2" -q --part "$((LSB_JOBINDEX - 1))/10" # nothing tells how many: the 10 is that of -J
