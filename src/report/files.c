/* The page's parts, taken in by the assembler from the folder of the sources, where a build starts.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "files.h"

#include <stddef.h>

#define TAKE_IN(name, file)                                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " #name "\n" #name ":\n"                                                      \
            ".incbin \"src/report/" file "\"\n"                                                    \
            ".byte 0\n"                                                                            \
            ".popsection\n")

TAKE_IN(report_html, "page.html");
TAKE_IN(report_css, "page.css");
TAKE_IN(report_dom_js, "dom.js");
TAKE_IN(report_net_js, "net.js");
TAKE_IN(report_centre_js, "centre.js");
TAKE_IN(report_chart_js, "chart.js");
TAKE_IN(report_page_js, "page.js");
TAKE_IN(report_play_js, "play.js");
TAKE_IN(report_sweep_js, "sweep.js");
TAKE_IN(report_start_js, "start.js");

extern const char report_dom_js[], report_net_js[], report_centre_js[], report_chart_js[],
    report_page_js[], report_play_js[], report_sweep_js[], report_start_js[];

const char *const report_scripts[] = {report_dom_js,   report_net_js,   report_centre_js,
                                      report_chart_js, report_page_js,  report_play_js,
                                      report_sweep_js, report_start_js, NULL};
