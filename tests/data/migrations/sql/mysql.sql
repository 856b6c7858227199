-- told by its backticks
ALTER TABLE `users` ADD COLUMN `email` varchar(255) NOT NULL AFTER `id`; -- want: required-column
ALTER TABLE `users` ADD INDEX `i` (`email`), ADD KEY k (a);
ALTER TABLE `users` MODIFY COLUMN `email` varchar(300); -- want: type
ALTER TABLE `users` MODIFY `email` varchar(300) NOT NULL; -- want: tighten
ALTER TABLE `users` CHANGE `email` `mail` varchar(300) NULL; -- want: rename type
ALTER TABLE `users` ADD COLUMN (`a` int, `b` int NOT NULL); -- want: required-column
CREATE INDEX `i2` ON `users` (`email`);
ALTER TABLE `orders` ADD CONSTRAINT `fk` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`);
RENAME TABLE `a` TO `b`; -- want: rename
CREATE TABLE t (id int AUTO_INCREMENT) ENGINE=InnoDB;
