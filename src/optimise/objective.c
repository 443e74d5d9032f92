/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a type's values stand when the spec does not say. */
typedef enum place { LOGITS, LAST, VALUES, NOWHERE } place;

/* What of the goal a type cannot do without. */
typedef enum need { NOTHING, CLASSES, UNIT, CHANNEL, RECORDED, GAUSSIAN, RUNNING } need;

typedef struct method {
    const char *type;
    place place;
    need need;
    bool prior;
    /* The value of row i; adds weight times its gradient to gradient. */
    double (*row)(const inv_objective *o, size_t i, const float *y, float *gradient);
    /* Where rows depend on each other: all at once. */
    void (*rows)(inv_objective *o, const gsl_matrix_float *y, double *value,
                 gsl_matrix_float *gradient);
} method;

struct inv_objective {
    const method *method;
    inv_objective_spec spec;
    inv_goal goal;
    size_t point, units;
    inv_shape shape;
    const float *running_mean, *running_variance; /* batch_norm: [channels] */
    double *mean, *spread; /* diversity: [groups, units] and [groups, 2]: the rows and |.|^2 */
};

const inv_objective_spec inv_objective_defaults = {.type = "logit", .weight = 1.0, .power = 1.0};

#define FIELD(key, type, ...)                                                                      \
    {                                                                                              \
#key, type, offsetof(inv_objective_spec, key), __VA_ARGS__                                 \
    }

static const inv_field fields[] = {
    FIELD(type, INV_FIELD_NAME, .choices = inv_objective_types, .help = "objective or prior"),
    FIELD(at, INV_FIELD_NAME, .help = "point to which it refers; empty: the default of its type"),
    FIELD(weight, INV_FIELD_REAL, -1e12, 1e12,
          .help = "weight in the sum; must not be negative for a prior"),
    FIELD(unit, INV_FIELD_SIZE, 0, 1e9,
          .help = "number of the unit or channel, for the types unit and channel"),
    FIELD(power, INV_FIELD_REAL, 1.0, 16.0,
          .help = "power, for the types norm and total_variation"),
    {0}};

const inv_field *inv_objective_fields(const char *type)
{
    (void)type;
    return fields;
}

/* ---- of a class ---- */

static const float *mix_of(const inv_objective *o, size_t i)
{
    return o->goal.mix->data + i * o->goal.mix->tda;
}

/* log sum exp(y) over the n values, but those that `skip`, unless NULL, gives a part. */
static double log_sum(const float *y, size_t n, const float *skip)
{
    double largest = -INFINITY, sum = 0.0;
    for (size_t j = 0; j < n; j++)
        if (!skip || skip[j] == 0.0f)
            largest = fmax(largest, y[j]);
    for (size_t j = 0; j < n; j++)
        if (!skip || skip[j] == 0.0f)
            sum += exp(y[j] - largest);
    return isfinite(largest) ? largest + log(sum) : largest;
}

static double cross_entropy(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const float *t = mix_of(o, i);
    const double all = log_sum(y, o->units, NULL), weight = o->spec.weight;
    double value = 0.0;
    for (size_t j = 0; j < o->units; j++) {
        value += t[j] * (all - y[j]);
        gradient[j] += (float)(weight * (exp(y[j] - all) - t[j]));
    }
    return value;
}

/* p = sum t softmax(y);  d(-p)/dy_j = -softmax_j (t_j - p) */
static double probability(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const float *t = mix_of(o, i);
    const double all = log_sum(y, o->units, NULL);
    double p = 0.0;
    for (size_t j = 0; j < o->units; j++)
        p += t[j] * exp(y[j] - all);
    for (size_t j = 0; j < o->units; j++)
        gradient[j] -= (float)(o->spec.weight * exp(y[j] - all) * (t[j] - p));
    return -p;
}

static double logit(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const float *t = mix_of(o, i);
    double value = 0.0;
    for (size_t j = 0; j < o->units; j++) {
        value -= (double)t[j] * y[j];
        gradient[j] -= (float)o->spec.weight * t[j];
    }
    return value;
}

static double margin(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const float *t = mix_of(o, i);
    const double others = log_sum(y, o->units, t);
    const bool any = isfinite(others);
    double value = any ? others : 0.0;
    for (size_t j = 0; j < o->units; j++) {
        const double share = any && t[j] == 0.0f ? exp(y[j] - others) : 0.0;
        value -= (double)t[j] * y[j];
        gradient[j] += (float)(o->spec.weight * (share - t[j]));
    }
    return value;
}

static double l1(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const float *t = mix_of(o, i), weight = (float)o->spec.weight;
    double value = 0.0;
    for (size_t j = 0; j < o->units; j++) {
        const float d = y[j] - t[j];
        value += fabs((double)d);
        gradient[j] += weight * (float)((d > 0.0f) - (d < 0.0f));
    }
    return value;
}

static double absolute_error(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const float *t = mix_of(o, i);
    double left = 1.0;
    for (size_t j = 0; j < o->units; j++)
        left -= (double)t[j] * y[j];
    for (size_t j = 0; j < o->units; j++)
        gradient[j] -= (float)o->spec.weight * t[j] * (float)((left > 0.0) - (left < 0.0));
    return fabs(left);
}

/* ---- of any point ---- */

static size_t index_of(const inv_objective *o, size_t i)
{
    return o->goal.index ? o->goal.index[i] : o->spec.unit;
}

static double unit(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    gradient[index_of(o, i)] -= (float)o->spec.weight;
    return -(double)y[index_of(o, i)];
}

static double channel(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const size_t step = o->shape.channels, count = o->units / step;
    double sum = 0.0;
    for (size_t j = index_of(o, i); j < o->units; j += step) {
        sum += y[j];
        gradient[j] -= (float)(o->spec.weight / (double)count);
    }
    return -sum / (double)count;
}

static double energy(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const double n = (double)o->units;
    double sum = 0.0;
    (void)i;
    for (size_t j = 0; j < o->units; j++) {
        sum += (double)y[j] * y[j];
        gradient[j] -= (float)(o->spec.weight * y[j] / n);
    }
    return -0.5 * sum / n;
}

static double activation(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const float *t = o->goal.recorded->data + i * o->goal.recorded->tda;
    double sum = 0.0, norm = 0.0;
    for (size_t j = 0; j < o->units; j++)
        norm += (double)t[j] * t[j];
    norm = norm > 0.0 ? norm : 1.0;
    for (size_t j = 0; j < o->units; j++) {
        const double d = (double)y[j] - t[j];
        sum += d * d;
        gradient[j] += (float)(o->spec.weight * 2.0 * d / norm);
    }
    return sum / norm;
}

/* ---- priors ---- */

/* |d|^power, and its gradient */
static double powered(double d, double power, double *gradient)
{
    const double size = fabs(d);
    const double below = power == 1.0 ? 1.0 : power == 2.0 ? size : pow(size, power - 1.0);
    *gradient = d == 0.0 ? 0.0 : copysign(power * below, d);
    return below * size;
}

static double norm(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const double n = (double)o->units;
    double sum = 0.0;
    (void)i;
    for (size_t j = 0; j < o->units; j++) {
        double down = 0.0;
        sum += powered(y[j], o->spec.power, &down);
        gradient[j] += (float)(o->spec.weight * down / n);
    }
    return sum / n;
}

/* The pairs of values `step` apart, from j to j + step, for the j of one row or column of pixels.
 */
static double neighbours(const inv_objective *o, size_t first, size_t count, size_t step,
                         const float *y, float *gradient)
{
    const double n = (double)o->units;
    double sum = 0.0;
    for (size_t j = first; j < first + count; j++) {
        double up = 0.0;
        sum += powered((double)y[j + step] - y[j], o->spec.power, &up);
        gradient[j + step] += (float)(o->spec.weight * up / n);
        gradient[j] -= (float)(o->spec.weight * up / n);
    }
    return sum;
}

static double total_variation(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const inv_shape s = o->shape;
    const size_t line = s.width * s.channels;
    double sum = 0.0;
    (void)i;
    for (size_t r = 0; r < s.height; r++) {
        sum += neighbours(o, r * line, line - s.channels, s.channels, y, gradient);
        if (r + 1 < s.height)
            sum += neighbours(o, r * line, line, line, y, gradient);
    }
    return sum / (double)o->units;
}

static double gaussian(const inv_objective *o, size_t i, const float *y, float *gradient)
{
    const double n = (double)o->units;
    (void)i;
    return inv_gaussian_distance(o->goal.gaussian, y, o->spec.weight / n, gradient) / n;
}

/* Below this mean squared distance rows count as the same. */
#define SAME 1e-6

static size_t group_of(const inv_objective *o, size_t i)
{
    return o->goal.group ? o->goal.group[i] : 0;
}

static size_t count_groups(const inv_goal *goal)
{
    size_t n = 1;
    for (size_t i = 0; goal->group && i < goal->rows; i++)
        if (goal->group[i] >= n)
            n = (size_t)goal->group[i] + 1;
    return n;
}

/* With S the sum over m rows of |y - mean|^2 / units, a row's value is -log(1e-6 + S / m) / 2, and
 * the gradient of the m rows' sum -(y - mean) / units / (1e-6 + S / m). */
static void diversity(inv_objective *o, const gsl_matrix_float *y, double *value,
                      gsl_matrix_float *gradient)
{
    const size_t groups = count_groups(&o->goal), n = o->units;
    memset(o->mean, 0, groups * n * sizeof *o->mean);
    memset(o->spread, 0, groups * 2 * sizeof *o->spread);
    for (size_t i = 0; i < y->size1; i++)
        o->spread[2 * group_of(o, i)] += 1.0;
    for (size_t i = 0; i < y->size1; i++) {
        const size_t g = group_of(o, i);
        for (size_t j = 0; j < n; j++)
            o->mean[g * n + j] += y->data[i * y->tda + j] / o->spread[2 * g];
    }
    for (size_t i = 0; i < y->size1; i++) {
        const size_t g = group_of(o, i);
        for (size_t j = 0; j < n; j++) {
            const double d = y->data[i * y->tda + j] - o->mean[g * n + j];
            o->spread[2 * g + 1] += d * d / (double)n / o->spread[2 * g];
        }
    }
    for (size_t i = 0; i < y->size1; i++) {
        const size_t g = group_of(o, i);
        const double spread = SAME + o->spread[2 * g + 1];
        value[i] -= o->spec.weight * 0.5 * log(spread);
        for (size_t j = 0; j < n; j++) {
            const double d = y->data[i * y->tda + j] - o->mean[g * n + j];
            gradient->data[i * gradient->tda + j] -=
                (float)(o->spec.weight * d / (double)n / spread);
        }
    }
}

/* ---- what batch normalisation has seen ---- */

/* The layer that the point leads into, where that is batch normalisation; its mean and variance. */
static inv_status find_running(inv_objective *o, const inv_net *net, const char *where)
{
    char owner[INV_NAME_MAX];
    const bool any = o->point < inv_net_depth(net);
    const inv_layer *layer = any ? inv_net_layer(net, o->point) : NULL;
    if (!layer || strcmp(layer->type->name, "batch_norm") != 0)
        return INV_ERROR(INV_ECONFIG, "%s.at: no batch normalisation follows %s", where,
                         inv_net_point_name(net, o->point));
    inv_layer_owner(layer->name, owner);
    o->running_mean = inv_net_params(net) + inv_net_block(net, owner, "mean")->offset;
    o->running_variance = inv_net_params(net) + inv_net_block(net, owner, "variance")->offset;
    return INV_OK;
}

/* With m and v the mean and the variance of a channel over the batch, M and V the running ones:
 * sum over channels of (m - M)^2 / V + (v - V)^2 / V^2, over their number; each row has an equal
 * share. d/dy = (2 (m - M) / V + 4 (v - V) (y - m) / V^2) / n, n values of the channel. */
static void batch_norm(inv_objective *o, const gsl_matrix_float *y, double *value,
                       gsl_matrix_float *gradient)
{
    const size_t channels = o->shape.channels, each = o->units / channels, rows = y->size1;
    const double n = (double)(each * rows), scale = o->spec.weight / (double)channels;
    double sum = 0.0;
    for (size_t c = 0; c < channels; c++) {
        const double usual = o->running_mean[c], spread = fmax(o->running_variance[c], SAME);
        double mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < rows; i++)
            for (size_t j = c; j < o->units; j += channels)
                mean += y->data[i * y->tda + j] / n;
        for (size_t i = 0; i < rows; i++)
            for (size_t j = c; j < o->units; j += channels)
                variance += pow(y->data[i * y->tda + j] - mean, 2.0) / n;
        const double off = (mean - usual) / spread, wide = (variance - spread) / spread / spread;
        sum += off * (mean - usual) + wide * (variance - spread);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = c; j < o->units; j += channels)
                gradient->data[i * gradient->tda + j] +=
                    (float)(scale * (2.0 * off + 4.0 * wide * (y->data[i * y->tda + j] - mean)) /
                            n);
    }
    for (size_t i = 0; i < rows; i++)
        value[i] += scale * sum / (double)rows;
}

/* ---- the table ---- */

/* X(type, where, what it needs, whether it is a prior, how a row or all rows are worked out, what it
 * asks for) */
#define OBJECTIVES(X)                                                                              \
    X(cross_entropy, LOGITS, CLASSES, false, cross_entropy, NULL,                                  \
      "-log of the class's probability")                                                           \
    X(probability, LOGITS, CLASSES, false, probability, NULL, "the class's probability")           \
    X(logit, LOGITS, CLASSES, false, logit, NULL, "the class's logit")                             \
    X(margin, LOGITS, CLASSES, false, margin, NULL,                                                \
      "the class's logit against all others: log of the odds")                                     \
    X(l1, LAST, CLASSES, false, l1, NULL, "sum of |one-hot - probabilities| (r2rt)")               \
    X(absolute_error, LAST, CLASSES, false, absolute_error, NULL, "|1 - the class's probability|") \
    X(unit, NOWHERE, UNIT, false, unit, NULL, "the value of one unit")                             \
    X(channel, NOWHERE, CHANNEL, false, channel, NULL, "the mean of one channel")                  \
    X(energy, NOWHERE, NOTHING, false, energy, NULL, "the mean square of a layer (DeepDream)")     \
    X(activation, NOWHERE, RECORDED, false, activation, NULL,                                      \
      "the distance to what a target image gives (Mahendran and Vedaldi 2015)")                    \
    X(norm, VALUES, NOTHING, true, norm, NULL, "prior: the mean of |value| to the power")          \
    X(total_variation, VALUES, NOTHING, true, total_variation, NULL,                               \
      "prior: differences of neighbouring pixels to the power")                                    \
    X(gaussian, VALUES, GAUSSIAN, true, gaussian, NULL,                                            \
      "prior: the Mahalanobis distance from the training images")                                  \
    X(diversity, VALUES, NOTHING, true, NULL, diversity,                                           \
      "prior: keeps the images of a class apart")                                                  \
    X(batch_norm, NOWHERE, RUNNING, true, NULL, batch_norm,                                        \
      "prior: keeps means and variances as batch_norm knows them (Yin et al. 2020)")

#define CHOICE(type, place, need, prior, row, rows, help) {#type, help},
#define ENTRY(type, place, need, prior, row, rows, help)  {#type, place, need, prior, row, rows},
const inv_choice inv_objective_types[] = {OBJECTIVES(CHOICE){0}};
static const method methods[] = {OBJECTIVES(ENTRY)};

static const method *find(const char *type)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].type, type) == 0)
            return &methods[i];
    return NULL;
}

/* ---- making one ---- */

static inv_status find_point(inv_objective *o, const inv_net *net, size_t first, const char *where)
{
    const place usual = o->method->place;
    if (usual == LOGITS || usual == LAST)
        o->point = usual == LAST ? inv_net_depth(net) : inv_net_logits(net);
    else if (usual == VALUES && !*o->spec.at)
        o->point = first;
    else if (!*o->spec.at)
        return INV_ERROR(INV_ECONFIG, "%s.at: %s needs a point, as in hidden1.pre", where,
                         o->spec.type);
    else if (inv_net_point(net, o->spec.at, &o->point) != INV_OK)
        return INV_ERROR(INV_ECONFIG, "%s.at: %s", where, inv_error_message());
    if (o->point < first)
        return INV_ERROR(INV_ECONFIG, "%s.at: %s lies below %s, whose values are optimised", where,
                         inv_net_point_name(net, o->point), inv_net_point_name(net, first));
    return INV_OK;
}

static inv_status check_units(const inv_objective *o, const char *where)
{
    const size_t maximum = o->method->need == UNIT ? o->units : o->shape.channels;
    for (size_t i = 0; i < (o->goal.index ? o->goal.rows : 1); i++)
        if (index_of(o, i) >= maximum)
            return INV_ERROR(INV_ECONFIG, "%s: %s %zu does not exist at %s (0 to %zu)", where,
                             o->spec.type, index_of(o, i), o->spec.at, maximum - 1);
    return INV_OK;
}

/* Of a matrix of the goal: a row for each, of so many values. */
static bool fits(const inv_goal *goal, const gsl_matrix_float *m, size_t cols)
{
    return m && m->size1 >= goal->rows && m->size2 == cols;
}

static inv_status check(inv_objective *o, const inv_net *net, const char *where)
{
    const inv_goal *goal = &o->goal;
    const need what = o->method->need;
    if (o->method->prior && o->spec.weight < 0.0)
        return INV_ERROR(INV_ECONFIG, "%s.weight: %g, but %s is a prior: 0 or more", where,
                         o->spec.weight, o->spec.type);
    if (o->method->row == l1 && inv_net_logits(net) == inv_net_depth(net))
        return INV_ERROR(INV_ECONFIG, "%s: the net does not end in softmax", where);
    if (what == CLASSES && !fits(goal, goal->mix, o->units))
        return INV_ERROR(INV_EINVAL, "%s: %s needs classes", where, o->spec.type);
    if (what == RECORDED && !fits(goal, goal->recorded, o->units))
        return INV_ERROR(INV_EINVAL, "%s: activation needs recorded values", where);
    if (what == GAUSSIAN && (!goal->gaussian || goal->gaussian->units != o->units))
        return INV_ERROR(INV_EINVAL, "%s: gaussian needs the data's Gaussian at %s", where,
                         inv_net_point_name(net, o->point));
    if (what == RUNNING)
        return find_running(o, net, where);
    return what == UNIT || what == CHANNEL ? check_units(o, where) : INV_OK;
}

inv_status inv_objective_alloc(const inv_objective_spec *spec, const inv_net *net, size_t first,
                               const inv_goal *goal, const char *where, inv_objective **out)
{
    const method *found = find(spec->type);
    void *memory = NULL, *mean = NULL, *spread = NULL;
    inv_objective *o = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_fields_check(fields, spec, where)); /* the type is one, then */
    if (goal->rows == 0 || first > inv_net_depth(net))
        INV_FAIL(INV_EINVAL, "%s: %zu rows at point %zu of a net of %zu", where, goal->rows, first,
                 inv_net_depth(net));
    INV_TRY(inv_calloc(1, sizeof *o, "objective", &memory));
    o = memory;
    *o = (inv_objective){.method = found, .spec = *spec, .goal = *goal};
    INV_TRY(find_point(o, net, first, where));
    o->shape = inv_net_shape(net, o->point);
    o->units = inv_net_units(net, o->point);
    INV_TRY(check(o, net, where));
    if (found->rows == diversity) {
        const size_t groups = count_groups(goal);
        INV_TRY(inv_calloc(groups * o->units, sizeof(double), "groups", &mean));
        o->mean = mean;
        INV_TRY(inv_calloc(groups, 2 * sizeof(double), "groups", &spread));
        o->spread = spread;
    }
    *out = o;
    return INV_OK;
done:
    inv_objective_free(o);
    return status;
}

void inv_objective_free(inv_objective *o)
{
    if (!o)
        return;
    free(o->mean);
    free(o->spread);
    free(o);
}

size_t inv_objective_point(const inv_objective *o)
{
    return o->point;
}

bool inv_objective_is_prior(const inv_objective *o)
{
    return o->method->prior;
}

void inv_objective_add(inv_objective *o, const gsl_matrix_float *y, double *value,
                       gsl_matrix_float *gradient)
{
    if (o->method->rows) {
        o->method->rows(o, y, value, gradient);
        return;
    }
#pragma omp parallel for schedule(static) if (y->size1 * y->size2 > INV_PARALLEL_MIN)
    for (size_t i = 0; i < y->size1; i++)
        value[i] += o->spec.weight *
                    o->method->row(o, i, y->data + i * y->tda, gradient->data + i * gradient->tda);
}

double inv_objective_of(const inv_objective *o, size_t i, const float *y, float *room)
{
    return o->method->row ? o->method->row(o, i, y, room) : 0.0;
}
