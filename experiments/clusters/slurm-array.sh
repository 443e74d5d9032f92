#!/bin/sh
# A sweep as a SLURM array of ten tasks:  sbatch slurm-array.sh SWEEP.cfg DIR
#SBATCH --array=0-9
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=02:00:00
#SBATCH --requeue
exec invproj sweep "$1" -o "$2" -q # exec: signals reach the program, which saves
