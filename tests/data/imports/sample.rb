require 'json'; require "set"
require_relative '../lib/x'
load 'y.rb'
autoload :Z, 'a/z'
# require 'no1'
=begin
require 'no2'
=end
x = %q(require 'no3') + "#{y["require 'no4'"]} require 'no5'" + ?" + 'a'
s = <<~EOS
  require 'no6'
EOS
require File.join("no7", "x")
require "a#{b}"
r = /['"]/; require('paren')
foo.load "no8"
__END__
require 'no9'
