using System;
global using A.B;
using static C.D;
using X = E.F.G<int>;
// using no1;
namespace My.App;
class Q { void M() { using var f = Open(); using (var g = Open()) { } var s = @"using no2; "" "; } }
