text use No1; <?php
namespace App\Http;
use A\B; use C\{D, E as F, function g}, H as I; use function J\k;
// use No2;
require 'x.php'; require_once("y.php"); include __DIR__ . '/z.php';
require dirname(__DIR__) . "/up.php"; require $path; require 'no3' . $x;
$f = function () use ($a) { return "use No4;"; };
$t = <<<EOT
use No5;
EOT;
class Q { use SomeTrait; public $use = 'use No6;'; } ?>
use No7;
