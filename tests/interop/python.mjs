// Python with Azure's SDKs and an OPC UA server, in the versions of python_sdks.txt, which ./run test installs into build/python.
import {existsSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const python = process.env.MILLRACE_PYTHON ?? path.join(here, '../../build/python/bin/python');
// For a test's options: some of the SDKs have no packages for the newest Pythons.
export const withPython = {skip: existsSync(python) ? false : 'the packages of python_sdks.txt are not installed: build/python.log says why'};
