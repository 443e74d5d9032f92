/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stage.h"

const cli_stage *const cli_stages[] = {&cli_stage_train,
                                       &cli_stage_invert,
                                       &cli_stage_project,
                                       &cli_stage_generate,
                                       &cli_stage_features,
                                       &cli_stage_exemplars,
                                       NULL};

bool cli_stage_is_asked(const cli_stage *stage, const inv_experiment *experiment)
{
    return stage->has == 0 || *(const bool *)((const char *)experiment + stage->has);
}

inv_status cli_stage_need_inverse(const cli_session *session, const char *stage)
{
    if (session->experiment->has_inverse)
        return INV_OK;
    return INV_ERROR(INV_ECONFIG, "inverse: missing, and %s needs one", stage);
}
