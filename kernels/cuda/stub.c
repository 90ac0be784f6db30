/* SPDX-License-Identifier: Apache-2.0 */
#include "backend.h"

enum vs_code vs_cuda_open(struct vs_dev **out, struct vs_err *err)
{
    *out = NULL;
    return vs_fail(err, VS_EDEVICE, "no usable CUDA device: built without the CUDA backend");
}
