#include <vector>
auto raw = R"x(
#include "no1.h"
)" )x"; auto n = 1'000'000; char q = '"';
#include "after_raw.hpp"
import std.core;
export import :part;
