"""import no1
from no2 import x
"""
import os.path as p, sys; import json
from . import (a,  # import no3
               b as c,
               d)
from .. pkg . mod import *
from m import e as f, g ; from n import h
if True: import late
x = "import no4"; y = 'from no5 import z'
# import no6
import \
    cont.inued
import importlib
importlib.import_module("dyn.amic")
__import__('builtin')
importlib.import_module(name)
s = f"{x!r} import no7"
def import_module(x): pass
raise ValueError from None
yield from import_
from café import naïve
