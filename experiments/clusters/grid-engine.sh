#!/bin/sh
# A sweep as a Grid Engine array of ten tasks:  qsub grid-engine.sh SWEEP.cfg DIR
#$ -S /bin/sh
#$ -cwd
#$ -t 1-10
#$ -notify
exec invproj sweep "$1" -o "$2" -q # -notify: a signal comes before the kill
