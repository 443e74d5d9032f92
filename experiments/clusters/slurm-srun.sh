#!/bin/sh
# A sweep as one SLURM job of several tasks:  sbatch --ntasks=3 slurm-srun.sh SWEEP.cfg DIR
#SBATCH --time=02:00:00
exec srun --export=ALL invproj sweep "$1" -o "$2" -q
