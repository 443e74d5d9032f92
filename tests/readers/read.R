# Writes what a reader of R sees in a run file, as JSON: read.R hdf5r|rhdf5 RUN.h5
# R's axes are reversed, so that values come in the order of the file.
# SPDX-License-Identifier: GPL-3.0-or-later
said <- commandArgs(trailingOnly = TRUE)
suppressMessages(library(said[1], character.only = TRUE))
arrays <- c("network/hidden1/kernel", "network/output/bias", "training/history/step", "training/history/loss",
            "training/state/order", "projections/r2rt/image", "projections/r2rt/label", "generated/r2rt/settled")
attributes <- list(c("/", "format"), c("/", "format_version"), c("/", "seed"), c("/", "scale"), c("/", "experiment"),
                   c("network", "accuracy"), c("network", "layers"), c("network", "sha256"))
if (said[1] == "hdf5r") {
  file <- H5File$new(said[2], mode = "r")
  array_of <- function(path) file[[path]]$read()
  attribute_of <- function(at, name) h5attr(if (at == "/") file else file[[at]], name)
  count <- length(h5attr_names(file))
} else {
  array_of <- function(path) h5read(said[2], path)
  attribute_of <- function(at, name) h5readAttributes(said[2], at)[[name]]
  count <- length(h5readAttributes(said[2], "/"))
}
quoted <- function(text) {
  for (pair in list(c("\\", "\\\\"), c("\"", "\\\""), c("\n", "\\n"), c("\t", "\\t")))
    text <- gsub(pair[1], pair[2], text, fixed = TRUE)
  paste0("\"", text, "\"")
}
plain <- function(value) if (is.character(value)) quoted(value) else format(as.numeric(value), digits = 17)
weighed <- function(values) {
  flat <- as.numeric(values)
  sizes <- if (is.null(dim(values))) length(values) else rev(dim(values))
  sum <- sum(flat * (1 + (seq_along(flat) - 1) %% 7))
  paste0("[[", paste(sizes, collapse = ", "), "], ", format(sum, digits = 17), "]")
}
seen <- vapply(arrays, function(path) paste0(quoted(path), ": ", weighed(array_of(path))), "")
told <- vapply(attributes, function(one) paste0(quoted(paste0(one[1], "@", one[2])), ": ",
                                                plain(attribute_of(one[1], one[2]))), "")
cat("{\"arrays\": {", paste(seen, collapse = ", "), "}, \"attributes\": {", paste(told, collapse = ", "),
    "}, \"count\": ", count, "}\n", sep = "")
