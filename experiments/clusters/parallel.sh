#!/bin/sh
# A sweep in four parts by GNU parallel, here or on other machines:  sh parallel.sh SWEEP.cfg DIR [OPTIONS OF PARALLEL]
sweep=$1 folder=$2
shift 2
seq 0 3 | parallel "$@" invproj sweep "$sweep" -o "$folder" -q --jobs 1 --part '{}/4'
