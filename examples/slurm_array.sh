#!/bin/bash
# Labels a large folder of photos with a Slurm array: sbatch --array=1-100 examples/slurm_array.sh
#
# Task 3 of 100 does shard 3/100. A task that was stopped or pre-empted is queued again and goes on
# where it was; a whole array given again does what is missing and nothing else.
#SBATCH --job-name=ovseg-label
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=24G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --output=label-%A_%a.log
set -euo pipefail

photos=${PHOTOS:?folder of photos}
out=${OUT:?folder for results}
model=${MODEL:?weights directory or run}
words=${WORDS:?file of words, one class a line}
shard=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT

# A folder per task: a folder of three million files, and its journal, are slow on any disk.
exec ovseg segment "$photos" --recursive --shard "$shard" --model "$model" \
    --vocab-file "$words" --out "$out/$SLURM_ARRAY_TASK_ID"
